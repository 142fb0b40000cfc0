import JOSE
import OAuth
import Testing
import Vault

@testable import CLI

@Suite("Files that are imported")
struct ImportTests {
    private func values(_ format: ImportFormat, _ text: String, prefix: String? = nil) -> [String: String] {
        let file = format.read(Array(text.utf8), prefix: prefix)
        #expect(file.problems == [])
        return Dictionary(
            uniqueKeysWithValues: file.secrets.map { secret in
                (secret.name.text, secret.value.withBytes { String(decoding: $0, as: UTF8.self) })
            })
    }

    private func problems(_ format: ImportFormat, _ text: String) -> [String] {
        let file = format.read(Array(text.utf8), prefix: nil)
        return file.problems.map(\.description)
    }

    // MARK: .env

    @Test("plain lines, comments, export and blanks around")
    func plain() {
        let found = values(
            .env,
            """
            # a comment
            A=one

              export B = two words \("")
            C=with spaces # and a comment
            d.e-f_9=x=y
            \tEMPTY_IS_SKIPPED=
            """)
        #expect(found == ["A": "one", "B": "two words", "C": "with spaces", "d.e-f_9": "x=y"])
    }

    @Test("quoted values keep their blanks, signs and lines")
    func quoted() {
        let found = values(
            .env,
            #"""
            SINGLE='a # b $HOME \n'  # literally
            DOUBLE="tab\there \"quoted\" \$HOME \\ 5$"
            LINES="-----BEGIN
            two
            -----END"
            LINES_TOO='one
            two'
            NEWLINE="one\ntwo"
            """#)
        #expect(found["SINGLE"] == #"a # b $HOME \n"#)
        #expect(found["DOUBLE"] == "tab\there \"quoted\" $HOME \\ 5$")
        #expect(found["LINES"] == "-----BEGIN\ntwo\n-----END")
        #expect(found["LINES_TOO"] == "one\ntwo")
        #expect(found["NEWLINE"] == "one\ntwo")
    }

    @Test("a byte order mark and Windows line ends do not get into values")
    func windows() {
        #expect(values(.env, "\u{FEFF}A=1\r\nB='x\r\ny'\r\n") == ["A": "1", "B": "x\ny"])
    }

    @Test(
        "a line in which readers would find different values is refused with its number, and never its value",
        arguments: [
            "HUNTER2", "export", "=hunter2", "A hunter2", "A: hunter2", "A=hunter2#x", "A=$hunter2",
            "A=hunter2${B}", "A=\"$(hunter2)\"", "A=`hunter2`", "A='hunter2", "A=\"hunter2", "A='hunter2' x",
            "A=hunter2\\n", "A=\"hunter2\\q\"", "A='hunter2\\\\'", "A=hun'ter2",
        ]
    )
    func refused(_ line: String) {
        let told = problems(.env, "OK=1\n\n" + line)
        #expect(told.count == 1)
        #expect(told.allSatisfy { $0.hasPrefix("line 3: ") })
        #expect(!told.joined().lowercased().contains("hunter2"))
    }

    @Test("every bad line is told at once, and the number is right behind a value of many lines")
    func all() {
        #expect(problems(.env, "A=\"1\n2\n3\"\nB\nC=1\nC=2\n").map { String($0.prefix(7)) } == ["line 4:", "line 6:"])
    }

    @Test("text that is not UTF-8 is refused")
    func notUTF8() {
        #expect(ImportFormat.env.read([0x41, 0x3D, 0xFF], prefix: nil).problems.count == 1)
    }

    // MARK: JSON

    @Test("objects are folders; whole numbers and truth values are what they look like")
    func json() {
        let found = values(
            .json, #"{"a":"1","b":{"c":{"d":"2"},"n":-17},"t":true,"x/y":"3","nothing":null,"empty":""}"#, prefix: "p/q"
        )
        #expect(
            found == ["p/q/a": "1", "p/q/b/c/d": "2", "p/q/b/n": "-17", "p/q/t": "true", "p/q/x/y": "3"])
    }

    @Test(
        "what is not one text, or has no name for a secret, is refused without its value",
        arguments: [
            #"{"a":["hunter2"]}"#, #"{"a":1.50}"#, #"{"..":"hunter2"}"#, #"{"a b":"hunter2"}"#, #"["hunter2"]"#,
            "hunter2",
            #"{"a":"hunter2""#, #"{"a":"hunter2","a":"x"}"#, #"{"":{"":"hunter2"}}"#,
            #"{"a/b":"hunter2","a":{"b":"hunter2"}}"#,
        ]
    )
    func badJSON(_ text: String) {
        let told = problems(.json, text)
        #expect(told.count == 1)
        #expect(!told.joined().contains("hunter2"))
    }

    @Test("a value of 64 KiB is taken, one byte more is not")
    func length() {
        let most = String(repeating: "x", count: VaultSecret.longestValue)
        #expect(values(.json, #"{"a":"\#(most)"}"#)["a"] == most)
        #expect(problems(.json, #"{"a":"\#(most)x"}"#).count == 1)
    }

    // MARK: OpenBao

    /// What `bao kv get -format=json` of OpenBao 2.7.2 prints, its times shortened.
    private func secret(_ data: String, deleted: String = "") -> String {
        """
        {
          "request_id": "ebe7b88a-14c4-3a8a-8621-acdacf502ae3",
          "lease_id": "",
          "lease_duration": 0,
          "renewable": false,
          "data": {
            "data": \(data),
            "metadata": {
              "created_time": "2026-11-21T12:28:46Z",
              "custom_metadata": null,
              "deletion_time": "\(deleted)",
              "destroyed": false,
              "version": 1
            }
          },
          "warnings": null
        }

        """
    }

    @Test("secrets behind their paths, one after the other, field by field")
    func openBao() {
        let text =
            "{\"payments/stripe\":\n" + secret(#"{"key": "sk_1 }{ \"", "user": "bob"}"#) + "}\n"
            + "{\"/x/\":" + secret(#"{"n": 5}"#) + "}"
        #expect(
            values(.openbao, text) == [
                "payments/stripe/key": "sk_1 }{ \"", "payments/stripe/user": "bob", "x/n": "5",
            ])
    }

    @Test("one secret alone gets its path from the prefix")
    func alone() {
        #expect(values(.openbao, secret(#"{"key": "k"}"#), prefix: "payments/stripe") == ["payments/stripe/key": "k"])
    }

    @Test("a deleted secret is passed over and said so")
    func deleted() {
        let file = ImportFormat.openbao.read(
            Array("{\"gone\": \(secret("null", deleted: "2026-11-21T12:28:46Z"))}".utf8), prefix: nil)
        #expect(file.secrets.isEmpty && file.problems == [])
        #expect(file.skipped.map(\.place) == ["gone"])
    }

    @Test(
        "a listing of names, another document and half of one are refused",
        arguments: [
            #"["gone", "payments/"]"#, #"{"payments/stripe": {"key": "hunter2"}}"#, #"{"payments/stripe": "#,
            #"{"a": {"request_id": "x", "data": {"data": ["hunter2"], "metadata": {"version": 1}}}}"#,
        ])
    func badOpenBao(_ text: String) {
        let told = problems(.openbao, text)
        #expect(told.count == 1)
        #expect(!told.joined().contains("hunter2"))
    }

    // MARK: Requests

    @Test("a large file is cut into requests that the server takes, in order and complete")
    func orders() throws {
        let names = (0..<1_234).map { "k\($0)" }
        let text = JSON.object(.init(distinctNames: names, value: "v")).text
        let file = ImportFormat.json.read(Array(text.utf8), prefix: nil)
        let orders = ImportOrder.all(of: file, readers: ["agent"], overwrites: true)
        #expect(orders.count == 3)
        var sent: [String] = []
        for order in orders {
            let read = try SecretImport(from: order.document)
            #expect(read.readers.map(\.text) == ["agent"] && read.overwrites && !read.isDryRun)
            sent += read.items.map(\.name.text)
        }
        #expect(sent == names)
    }
}

extension JSONObject {
    fileprivate init(distinctNames names: [String], value: String) {
        self.init()
        for name in names { self[name] = .string(value) }
    }
}
