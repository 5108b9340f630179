//! Settings for servers that tell of their health over HTTP.

use super::Config;
use crate::{Address, Secret};

impl Config {
    /// Weaviate at `base`, such as `http://127.0.0.1:8080`: this node is ready.
    #[must_use]
    pub fn weaviate(base: &Address) -> Self {
        Self::new(at(base, "/v1/.well-known/ready"))
    }

    /// Weaviate at `base`: every node of the cluster says that it is healthy.
    #[must_use]
    pub fn weaviate_cluster(base: &Address) -> Self {
        Self::new(at(base, "/v1/nodes")).with_json("/nodes/*/status", "HEALTHY")
    }

    /// Neo4j at `base`, such as `http://neo4j:password@127.0.0.1:7474`: `database` carries out a query, by the
    /// Query API, which Neo4j has from 5.19 on.
    #[must_use]
    pub fn neo4j(base: &Address, database: &str) -> Self {
        // It answers 202 before it knows whether the query works, so that only the body tells.
        Self::new(at(base, &format!("/db/{database}/query/v2")))
            .with_method("POST")
            .with_header("content-type", "application/json")
            .with_header("accept", "application/json")
            .with_send(r#"{"statement":"RETURN 1 AS alive"}"#)
            .with_json("/data/fields/0", "alive")
    }

    /// MinIO at `base`, such as `http://127.0.0.1:9000`: the cluster can be written to. No
    /// credentials are needed; that a bucket can be read is seen by a presigned URL.
    #[must_use]
    pub fn minio(base: &Address) -> Self {
        Self::new(at(base, "/minio/health/cluster"))
    }

    /// Sends `Authorization: Bearer` with a token.
    #[must_use]
    pub fn with_bearer(self, token: &Secret) -> Self {
        self.with_header("authorization", format!("Bearer {}", token.reveal()))
    }
}

fn at(base: &Address, path: &str) -> Address {
    Address::from(format!("{}{path}", base.reveal().trim_end_matches('/')))
}
