import Foundation
import JOSE
import Testing

@testable import CLI

@Suite("Platforms on the command line")
struct IssuerCommandTests {
    private func file(_ text: String) throws -> String {
        let url = FileManager.default.temporaryDirectory.appendingPathComponent("legate-\(UUID().uuidString)")
        try Data(text.utf8).write(to: url)
        return url.path
    }

    @Test("an identity provider is trusted as before")
    func provider() throws {
        let trust: IssuerCommand.Trust = try parsed(
            "issuer trust https://idp.example --name idp --jwks-uri https://idp.example/j --audience a --single-use")
        #expect(
            try trust.document() == [
                "issuer": "https://idp.example", "name": "idp", "jwks_uri": "https://idp.example/j", "jwks": nil,
                "jwks_file": nil, "audiences": ["a"], "single_use": true,
            ])
    }

    @Test("a trust domain is named by its SPIFFE ID, its bundle by a URL or by the name of a file on the server")
    func spiffe() throws {
        let byURL: IssuerCommand.Trust = try parsed(
            "issuer trust --spiffe spiffe://example.org --name mesh --bundle-url https://spire.example/b "
                + "--max-token-life 5m --no-single-use")
        #expect(
            try byURL.document() == [
                "issuer": "spiffe://example.org", "name": "mesh", "kind": "spiffe",
                "jwks_uri": "https://spire.example/b", "jwks": nil, "jwks_file": nil, "max_token_life": 300,
                "single_use": false,
            ])
        let byFile: IssuerCommand.Trust = try parsed(
            "issuer trust --spiffe spiffe://example.org --name mesh --bundle-file mesh.json")
        #expect(
            try byFile.document() == [
                "issuer": "spiffe://example.org", "name": "mesh", "kind": "spiffe", "jwks_file": "mesh.json",
                "jwks": nil, "jwks_uri": nil,
            ])
    }

    @Test("a bundle that is sent is looked at before; a private key never leaves the machine")
    func bundle() throws {
        let key = try SigningKey.generate(.es256)
        var entry = key.publicKey.json
        entry["use"] = "jwt-svid"
        let good = try file((["keys": [.object(entry)]] as JSONObject).text)
        entry["d"] = "AAAA"
        let leaked = try file((["keys": [.object(entry)]] as JSONObject).text)
        defer { for path in [good, leaked] { try? FileManager.default.removeItem(atPath: path) } }
        let trust: IssuerCommand.Trust = try parsed(
            "issuer trust --spiffe spiffe://example.org --name mesh --bundle \(good)")
        #expect(try trust.document()["jwks"]?.object?["keys"]?.array?.count == 1)
        let leak: IssuerCommand.Trust = try parsed(
            "issuer trust --spiffe spiffe://example.org --name mesh --bundle \(leaked)")
        #expect(throws: CommandFailure.self) { try leak.document() }
    }

    @Test("a cluster's keys may need its authority and a token, which lie on the server")
    func kubernetes() throws {
        let trust: IssuerCommand.Trust = try parsed(
            "issuer trust https://k8s.example --kubernetes --name k8s --jwks-uri https://10.0.0.1/openid/v1/jwks "
                + "--ca-file ca.crt --token-file token --allow-private-network")
        #expect(
            try trust.document() == [
                "issuer": "https://k8s.example", "name": "k8s", "kind": "kubernetes",
                "jwks_uri": "https://10.0.0.1/openid/v1/jwks", "jwks": nil, "jwks_file": nil, "ca_file": "ca.crt",
                "token_file": "token", "allow_private_network": true,
            ])
    }

    @Test("an update takes one way of having keys for the others, and nothing it was not told")
    func update() throws {
        let keys: IssuerCommand.Update = try parsed("issuer update mesh --bundle-file mesh.json")
        #expect(try keys.document() == ["jwks_file": "mesh.json", "jwks": nil, "jwks_uri": nil])
        let other: IssuerCommand.Update = try parsed("issuer update mesh --ca-file ''")
        #expect(try other.document() == ["ca_file": nil])
    }

    @Test(
        "what does not go together is a usage error",
        arguments: [
            "issuer trust --name x --bundle-url https://a.example/b",
            "issuer trust https://a.example --spiffe spiffe://b --name x --bundle-url https://a.example/b",
            "issuer trust --spiffe spiffe://b --kubernetes --name x --bundle-url https://a.example/b",
            "issuer trust --spiffe spiffe://b --name x --bundle-url https://a.example/b --jwks-uri https://a.example/j",
            "issuer trust https://a.example --name x --jwks-file a --bundle-file b",
        ])
    func usage(line: String) {
        #expect(throws: (any Error).self) { try parsed(line, as: IssuerCommand.Trust.self) }
    }

    @Test("a client is told which workload it is")
    func client() throws {
        let create: ClientCommand.Create = try parsed(
            "client create Rover --auth spiffe_jwt --spiffe-id spiffe://example.org/rover")
        let document = try create.document()
        #expect(document["auth"] == "spiffe_jwt")
        #expect(document["spiffe_id"] == "spiffe://example.org/rover")
        let update: ClientCommand.Update = try parsed("client update p --spiffe-id ''")
        #expect(try update.document() == ["spiffe_id": nil])
    }
}
