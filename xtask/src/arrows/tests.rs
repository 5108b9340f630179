//! Plants wrong arrows and asks that each is reported, and that right ones are not.

use super::*;

fn to(name: &str) -> Dependency {
    Dependency { name: name.to_owned(), key: name.to_owned(), dev: false, optional: false }
}

fn dev(name: &str) -> Dependency {
    Dependency { dev: true, ..to(name) }
}

fn optional(name: &str) -> Dependency {
    Dependency { optional: true, ..to(name) }
}

fn member(name: &str, folder: &str, dependencies: &[Dependency]) -> Member {
    let public = folder.starts_with("crates/") && folder != "crates/testkit";
    let (name, folder) = (name.to_owned(), folder.to_owned());
    Member { name, folder, public, dependencies: dependencies.to_vec(), ..Member::default() }
}

fn retry(dependencies: &[Dependency]) -> Member {
    member("salve-retry", "crates/retry", dependencies)
}

fn faults_of_one(member: &Member) -> Vec<String> {
    let around = [
        member.clone(),
        self::member("benches", "benches", &[]),
        self::member("salve-loom-tests", "tests/loom", &[]),
    ];
    faults_of(member, &around)
}

#[test]
fn the_workspace_keeps_the_arrows() {
    let faults = faults(&Workspace::load().unwrap());
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn the_table_itself_goes_down() {
    for room in HOUSE {
        if let Knows::Only(names) = room.knows {
            assert!(names.iter().all(|name| find(name).is_some()), "{} knows no row", room.package);
        }
        for other in HOUSE.iter().filter(|other| room.may_know(other)) {
            let down = other.floor < room.floor || other.package == CORE && room.package == TESTKIT;
            assert!(down, "{} must not know {}", room.package, other.package);
            assert!(other.package != TESTKIT, "{} must not know the testkit", room.package);
        }
    }
}

#[test]
fn right_arrows_pass() {
    for right in [
        retry(&[
            to(CORE),
            dev(CORE),
            dev(TESTKIT),
            to("tower-layer"),
            optional("http"),
            dev("http"),
        ]),
        member(TESTKIT, "crates/testkit", &[to(CORE), to("http")]),
        member("salve", "crates/salve", &[to(CORE), to("salve-retry"), optional(CHAOS)]),
        member("benches", "benches", &[to("salve"), to(CHAOS), to("salve-retry")]),
    ] {
        assert_eq!(faults_of_one(&right), [""; 0], "{}", right.name);
    }
}

#[test]
fn planted_wrong_arrows_are_reported() {
    let cases: &[(Member, &str)] = &[
        (retry(&[to("salve-timeout")]), "salve-retry depends on salve-timeout, which its row"),
        (retry(&[dev("salve-timeout")]), "salve-retry dev-depends on salve-timeout"),
        (retry(&[optional("salve-healer")]), "salve-retry depends on salve-healer"),
        (retry(&[to(TESTKIT)]), "salve-retry depends on salve-testkit"),
        (retry(&[to("salve")]), "salve-retry depends on salve, which"),
        (retry(&[to("sqlx")]), "salve-retry depends on sqlx, which has no place below floor 3"),
        (retry(&[optional("reqwest")]), "salve-retry depends on reqwest"),
        (retry(&[to("http")]), "salve-retry depends on http always"),
        (retry(&[dev("benches")]), "salve-retry depends on benches, which no package may know"),
        (retry(&[dev("salve-loom-tests")]), "salve-retry depends on salve-loom-tests"),
        (member(CORE, "crates/core", &[to("salve-retry")]), "salve-core depends on salve-retry"),
        (member("xtask", "xtask", &[to(CORE)]), "xtask depends on salve-core"),
        (member("salve-retry", "crates/again", &[]), "salve-retry lives in crates/again"),
        (member("salve-new", "crates/new", &[]), "salve-new (folder crates/new) is not in the"),
        (Member { public: false, ..retry(&[]) }, "salve-retry should be public"),
        (
            Member { public: true, ..member(TESTKIT, "crates/testkit", &[]) },
            "salve-testkit should be unpublished",
        ),
        (Member { public: true, ..member("benches", "benches", &[]) }, "benches stands around"),
    ];
    for (wrong, expected) in cases {
        let faults = faults_of_one(wrong);
        assert_eq!(faults.len(), 1, "{faults:?}");
        assert!(faults[0].starts_with(expected), "{} is not {expected}", faults[0]);
    }
}

#[test]
fn chaos_never_comes_by_default() {
    let with = |chaos: Dependency, features: &[(&str, &[&str])]| {
        let mut facade = member("salve", "crates/salve", &[chaos]);
        for (name, parts) in features {
            let parts = parts.iter().map(|&part| part.to_owned()).collect();
            facade.features.insert((*name).to_owned(), parts);
        }
        faults_of_one(&facade)
    };
    let ok: &[(&str, &[&str])] =
        &[("default", &["serde"]), ("serde", &["salve-chaos?/serde"]), ("full", &["salve-chaos"])];
    assert_eq!(with(optional(CHAOS), ok), [""; 0]);

    let always = with(to(CHAOS), &[]);
    assert_eq!(always, ["salve depends on salve-chaos always, and should not"]);
    let switched = ["salve switches salve-chaos on by default"];
    assert_eq!(with(optional(CHAOS), &[("default", &["dep:salve-chaos"])]), switched);
    assert_eq!(with(optional(CHAOS), &[("default", &["salve-chaos"])]), switched);
    let far: &[(&str, &[&str])] = &[("default", &["full"]), ("full", &["salve-chaos/serde"])];
    assert_eq!(with(optional(CHAOS), far), switched);
    let renamed = Dependency { key: "storms".to_owned(), ..optional(CHAOS) };
    assert_eq!(with(renamed, &[("default", &["dep:storms"])]), switched);
}

#[test]
fn a_wrong_arrow_in_a_manifest_is_found() {
    let folder = std::env::temp_dir().join(format!("salve-xtask-arrows-{}", std::process::id()));
    let write = |path: &str, text: &str| {
        let path = folder.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    };
    write("Cargo.toml", "[workspace]\nresolver = \"3\"\nmembers = [\"crates/*\"]\n");
    for (room, line) in [
        ("retry", "[build-dependencies]\nsalve-timeout = { path = \"../timeout\" }"),
        ("timeout", ""),
    ] {
        let manifest = format!(
            "[package]\nname = \"salve-{room}\"\nversion = \"0.1.0\"\nedition = \"2024\"\n{line}\n"
        );
        write(&format!("crates/{room}/Cargo.toml"), &manifest);
        write(&format!("crates/{room}/src/lib.rs"), "");
    }
    let workspace = Workspace::load_from(&folder);
    std::fs::remove_dir_all(&folder).unwrap();
    let expected = "salve-retry depends on salve-timeout, which its row does not allow";
    assert_eq!(faults(&workspace.unwrap()), [expected]);
}
