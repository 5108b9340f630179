//! The page of invariants: each is there, and each test that it names exists.

use std::fs;
use std::path::Path;

#[test]
fn the_page_of_invariants_names_tests_that_exist() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let page = fs::read_to_string(root.join("docs/invariants.md")).unwrap();
    let mut numbers = Vec::new();
    for line in page.lines() {
        let Some(row) = line.strip_prefix("| INV-") else { continue };
        let (number, rest) = row.split_once(' ').unwrap();
        numbers.push(number.parse::<u32>().unwrap());
        let files = rest.split('`').skip(1).step_by(2).filter(|it| it.ends_with(".rs"));
        let mut named = 0;
        for file in files {
            let text = fs::read_to_string(root.join(file)).unwrap();
            let wanted =
                [format!("fn inv_{number}"), format!("_and_{number}"), format!("_inv_{number}")];
            let found = wanted.iter().any(|it| text.contains(it));
            assert!(found, "{file} has no test of INV-{number}");
            named += 1;
        }
        assert!(named > 0 || rest.contains("waits for"), "INV-{number} has no test");
    }
    assert_eq!(numbers, (1..=53).collect::<Vec<_>>());
}
