import ArgumentParser
import JOSE

/// `legate token inspect`
struct TokenInspect: RemoteCommand {
    static let configuration = CommandConfiguration(
        commandName: "inspect",
        abstract: "Decode a token, verify it against the server's keys, and ask whether it is alive.",
        discussion: """
            Example:
              legate token inspect token.jwt
              echo "$TOKEN" | legate token inspect -
            """
    )

    @Argument(help: "A file with the token, or - for standard input.", completion: .file())
    var tokenFile: String

    @OptionGroup var connection: ConnectionOptions

    func answer(from server: AdminClient) async throws -> Answer {
        let token = try Files.word(tokenFile, what: "token")
        return Inspection.answer(try await Inspection.of(token, asking: server))
    }
}

/// What there is to know of a token: what stands in it, whether its signature is good, whether it is alive.
enum Inspection {
    /// `{active, verified, header, claims}`. Of what is not a JWT, header and claims are null.
    static func of(_ token: String, asking server: AdminClient) async throws -> JSONObject {
        let live = try await server.introspect(token, as: try server.credentials())
        let jwt = try? UnverifiedJWT(token)
        var isVerified = false
        if let jwt {
            let keys = try await server.keys()
            isVerified = (try? jwt.verified(with: keys, types: .exactly("at+jwt"))) != nil
        }
        return [
            "active": .bool(live["active"]?.bool ?? false),
            "verified": .bool(isVerified),
            "header": jwt == nil ? .null : header(of: token),
            "claims": jwt.map { .object($0.claims) } ?? .null,
        ]
    }

    static func answer(_ inspection: JSONObject) -> Answer {
        let verdict = Table.align([
            ["active", Table.cell(inspection["active"])], ["verified", Table.cell(inspection["verified"])],
        ])
        var parts = [verdict]
        for part in ["header", "claims"] {
            if let json = inspection[part], json.object != nil {
                parts.append(part + ":\n" + indented(Table.card(json)))
            }
        }
        return Answer(.object(inspection), text: parts.joined(separator: "\n"))
    }

    private static func header(of token: String) -> JSON {
        guard let bytes = Base64URL.decode(String(token.prefix { $0 != "." })) else { return .null }
        return (try? JSON(parsing: bytes)) ?? .null
    }

    private static func indented(_ text: String) -> String {
        text.split(separator: "\n", omittingEmptySubsequences: false).map { "  " + $0 }.joined(separator: "\n")
    }
}
