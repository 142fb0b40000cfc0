import Foundation
import OAuth
import Testing

@testable import CLI

@Suite("Which server, and as whom")
struct ProfileTests {
    private static let file = #"{"server":"https://file.example","client_id":"f","client_secret":"fs"}"#
    private static let variables = [
        "LEGATE_SERVER": "https://env.example", "LEGATE_CLIENT_ID": "e", "LEGATE_CLIENT_SECRET": "es",
    ]

    private func find(
        server: String? = nil, _ environment: [String: String] = [:], files: [String: String] = [:]
    ) throws -> Profile {
        try Profile.find(server: server, environment: environment) { path in files[path].map { Array($0.utf8) } }
    }

    private func read(_ profile: Profile) -> [String?] {
        [profile.server.text, profile.credentials?.clientID, profile.credentials?.secret]
    }

    @Test("LEGATE_PROFILE comes before the other variables and before the default file")
    func profileFirst() throws {
        let environment = Self.variables.merging(["LEGATE_PROFILE": "p.json"]) { first, _ in first }
        let other = Self.file.replacing("file.example", with: "other.example")
        let found = try find(environment, files: ["p.json": Self.file, Profile.defaultFile: other])
        #expect(read(found) == ["https://file.example", "f", "fs"])
    }

    @Test("the variables come before the default file")
    func variablesSecond() throws {
        let found = try find(Self.variables, files: [Profile.defaultFile: Self.file])
        #expect(read(found) == ["https://env.example", "e", "es"])
    }

    @Test("the default file is found, and LEGATE_SERVER alone changes only the server")
    func defaultFile() throws {
        let files = [Profile.defaultFile: Self.file]
        #expect(read(try find(files: files)) == ["https://file.example", "f", "fs"])
        let moved = try find(["LEGATE_SERVER": "https://env.example"], files: files)
        #expect(read(moved) == ["https://env.example", "f", "fs"])
    }

    @Test("the key that tokens are bound to stands in the profile, or in a variable")
    func proofKey() throws {
        let profile = Self.file.replacing("}", with: #","dpop_key":"k.pem"}"#)
        #expect(try find(files: [Profile.defaultFile: Self.file]).credentials?.proofKeyFile == nil)
        let variable = ["LEGATE_DPOP_KEY": "e.pem"]
        let variables = Self.variables.merging(variable) { first, _ in first }
        #expect(try find(variables).credentials?.proofKeyFile == "e.pem")
        // The variable comes before the profile, as everywhere else.
        for file in [profile, Self.file] {
            #expect(try find(variable, files: [Profile.defaultFile: file]).credentials?.proofKeyFile == "e.pem")
            let named = variable.merging(["LEGATE_PROFILE": "p.json"]) { first, _ in first }
            #expect(try find(named, files: ["p.json": file]).credentials?.proofKeyFile == "e.pem")
        }
    }

    @Test(
        "a key that a profile names lies beside it, unless its path is absolute",
        arguments: [
            ("./data/admin.json", "k.pem", "./data/k.pem"), ("p.json", "k.pem", "k.pem"),
            ("/p.json", "keys/k.pem", "/keys/k.pem"), ("/etc/legate/p.json", "../k.pem", "/etc/legate/../k.pem"),
            ("/etc/legate/p.json", "/run/k.pem", "/run/k.pem"),
        ])
    func proofKeyPath(file: String, key: String, path: String) throws {
        let profile = Self.file.replacing("}", with: #","dpop_key":"\#(key)"}"#)
        let found = try find(["LEGATE_PROFILE": file], files: [file: profile])
        #expect(found.credentials?.proofKeyFile == path)
    }

    @Test("a key that is no path is refused by the name of its member", arguments: ["5", "true", "\"\"", "{}"])
    func noPath(value: String) throws {
        let profile = Self.file.replacing("}", with: #","dpop_key":\#(value)}"#)
        let text = failure { try find(["LEGATE_PROFILE": "p.json"], files: ["p.json": profile]) }
        #expect(text?.contains("dpop_key") == true && text?.contains("p.json") == true)
    }

    @Test("a profile and a key that others can read are told, those of their owner alone are not")
    func exposed() throws {
        let directory = FileManager.default.temporaryDirectory.path + "/legate-profile-\(UUID())"
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: directory) }
        let paths = ["p.json", "k.pem"].map { directory + "/" + $0 }
        let texts = [Self.file.replacing("}", with: #","dpop_key":"k.pem"}"#), "key"]
        for (path, text) in zip(paths, texts) { try Data(text.utf8).write(to: URL(fileURLWithPath: path)) }
        func told(withMode mode: Int) throws -> [String] {
            for path in paths {
                try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: path)
            }
            return try Profile.find(server: nil, environment: ["LEGATE_PROFILE": paths[0]]).exposedFiles
        }
        #expect(try told(withMode: 0o600) == [])
        #expect(try told(withMode: 0o644) == paths)
    }

    @Test("--server comes before every other name of the server")
    func serverFlag() throws {
        let flag = "https://flag.example"
        #expect(read(try find(server: flag, Self.variables)) == [flag, "e", "es"])
        let profile = try find(server: flag, ["LEGATE_PROFILE": "p.json"], files: ["p.json": Self.file])
        #expect(read(profile) == [flag, "f", "fs"])
        #expect(read(try find(server: flag)) == [flag, nil, nil])
    }

    @Test("an empty variable counts as absent")
    func emptyVariables() throws {
        let environment = Self.variables.merging(["LEGATE_PROFILE": ""]) { first, _ in first }
        #expect(read(try find(environment)) == ["https://env.example", "e", "es"])
    }

    @Test("what is missing or malformed is named")
    func failures() {
        #expect(failure { try find() }?.contains("LEGATE_PROFILE") == true)
        #expect(failure { try find(["LEGATE_PROFILE": "gone.json"]) }?.contains("gone.json") == true)
        #expect(
            failure { try find(["LEGATE_SERVER": "https://a.example", "LEGATE_CLIENT_ID": "e"]) }?
                .contains("LEGATE_CLIENT_SECRET") == true)
        #expect(
            failure { try find(["LEGATE_CLIENT_ID": "e", "LEGATE_CLIENT_SECRET": "es"]) }?.contains("LEGATE_SERVER")
                == true)
        #expect(
            failure { try find(["LEGATE_PROFILE": "p.json"], files: ["p.json": #"{"server":1}"#]) }?.contains("p.json")
                == true)
    }

    @Test(
        "credentials never travel over plain http to another machine", arguments: ["http://a.example", "ftp://a", "a"])
    func plainHTTP(server: String) {
        #expect(failure { try find(server: server, Self.variables) }?.contains(server) == true)
    }

    @Test("a final slash of the server is forgiven")
    func slash() throws {
        #expect(try find(server: "https://a.example/").server.text == "https://a.example")
    }

    @Test("a secret is form-encoded for Basic, and never printed")
    func credentials() {
        let credentials = Credentials(clientID: "a:b", secret: "p%s é")
        // a%3Ab:p%25s%20%C3%A9
        #expect(credentials.basic == "Basic YSUzQWI6cCUyNXMlMjAlQzMlQTk=")
        #expect(!"\(credentials) \(String(reflecting: credentials))".contains("p%s"))
        var dumped = ""
        dump(credentials, to: &dumped)
        #expect(!dumped.contains("p%s"))
    }

    private func failure(_ body: () throws -> Profile) -> String? {
        do {
            _ = try body()
            return nil
        } catch {
            return (error as? CommandFailure)?.description
        }
    }
}
