use super::*;
use crate::scenario::profile::DataOrder;
use proptest::prelude::*;

fn file(kind: &str, content: &[u8]) -> (DataFile, tempfile::NamedTempFile) {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), content).unwrap();
    let path = Some(file.path().to_str().unwrap().to_owned());
    let (csv, jsonl) = if kind == "csv" { (path, None) } else { (None, path) };
    (DataFile { csv, jsonl, order: DataOrder::Circular }, file)
}

fn cells(kind: &str, content: &[u8], wanted: &[&str]) -> Result<Vec<String>, String> {
    let (data, _file) = file(kind, content);
    let wanted: Vec<String> = wanted.iter().map(|name| (*name).to_owned()).collect();
    let mut cells = Vec::new();
    data.each_row(&wanted, &mut |cell| cells.push(cell.to_owned())).map(|_| cells)
}

#[test]
fn csv_is_read_as_the_rfc_has_it() {
    let text = "\u{feff}id,name\r\n1,\"Ann \"\"A\"\" B\"\r\n2,\"two\nlines, one field\"\r\n".as_bytes();
    assert_eq!(cells("csv", text, &["name", "id"]).unwrap(), ["Ann \"A\" B", "1", "two\nlines, one field", "2"]);
    assert_eq!(file("csv", text).0.fields().unwrap(), ["id", "name"]);
}

#[test]
fn json_lines_give_texts_as_they_are_and_the_rest_as_json() {
    let text = b"{\"id\": 7, \"name\": \"Ann \\\"A\\\"\", \"tags\": [1, 2]}\n\n{\"id\": 1.5, \"name\": null, \"tags\": true}\n";
    let found = cells("jsonl", text, &["id", "name", "tags"]).unwrap();
    assert_eq!(found, ["7", "Ann \"A\"", "[1,2]", "1.5", "null", "true"]);
    assert_eq!(file("jsonl", text).0.fields().unwrap().len(), 3);
}

#[test]
fn what_is_wrong_is_said_with_its_line() {
    let wrong = |kind: &str, content: &[u8], wanted: &[&str], says: &str| {
        let why = cells(kind, content, wanted).unwrap_err();
        assert!(why.contains(says) && why.starts_with("data file /"), "{why}");
    };
    wrong("csv", b"a,b\n1,2\n3\n", &["a"], "line 3 has 1 fields, and the header has 2");
    wrong("csv", b"a,b\n", &["a"], "it has no rows");
    wrong("csv", b"", &[], "it is empty");
    wrong("csv", b"email,id\n1,2\n", &["emial"], "there is no field `emial` (did you mean `email`?): it has email, id");
    wrong("csv", b"a,b,a\n1,2,3\n", &["a"], "the field `a` twice");
    wrong("csv", b"a\n\xff\xfe\n", &["a"], "line 2 is not UTF-8 text");
    wrong("jsonl", b"", &[], "it has no rows");
    wrong("jsonl", b"{\"a\": 1}\n{\"b\": 1}\n", &["a"], "line 2: there is no field `a`");
    wrong("jsonl", b"{\"a\": 1}\n\n[1]\n", &["a"], "line 3: this is no JSON object");
    wrong("jsonl", b"{\"a\": 1}\n{\"a\": \xff}\n", &["a"], "line 2");
}

#[test]
fn files_that_are_missing_or_too_large_are_refused() {
    let gone = DataFile { csv: Some("no/such.csv".into()), jsonl: None, order: DataOrder::Circular };
    assert!(gone.fields().unwrap_err().contains("data file no/such.csv: there is no such file"));
    let (large, handle) = file("csv", b"a\n");
    handle.as_file().set_len(MOST_BYTES + 1).unwrap();
    assert!(large.size().unwrap_err().contains("larger than 256 MiB"));
    let folder = DataFile { csv: Some("/".into()), jsonl: None, order: DataOrder::Circular };
    assert!(folder.fields().unwrap_err().contains("directory"));
}

proptest! {
    #[test]
    fn any_fields_come_back(rows in prop::collection::vec(prop::collection::vec("[ -~\n]{0,12}", 3), 1..20)) {
        let mut csv = csv::Writer::from_writer(Vec::new());
        csv.write_record(["a", "b", "c"]).unwrap();
        let mut json = String::new();
        for row in &rows {
            csv.write_record(row).unwrap();
            json += &serde_json::json!({ "a": row[0], "b": row[1], "c": row[2] }).to_string();
            json.push('\n');
        }
        let all: Vec<String> = rows.concat();
        prop_assert_eq!(cells("csv", &csv.into_inner().unwrap(), &["a", "b", "c"]).unwrap(), all.clone());
        prop_assert_eq!(cells("jsonl", json.as_bytes(), &["a", "b", "c"]).unwrap(), all);
    }
}
