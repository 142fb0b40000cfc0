import HTTPTypes
import Hummingbird
import OAuth

/// `GET /connections/callback/{id}`: a browser comes back from a provider, and is shown a code, or why there is none.
struct ConnectionCallback: Sendable {
    let desk: ConnectionDesk

    func respond(_ request: Request, _ context: LegateContext) async throws -> Response {
        context.notes.note { $0.route = .vault }
        let id = try context.pathName("id")
        let answer = try OAuth.Parameters(form: Array((request.uri.query ?? "").utf8))
        let asked = context.audited(as: "GET /connections/callback/{id}")
        switch try await desk.callback(id, answer, in: asked) {
        case .answered(let code, let connection, let flow):
            return ConnectionPage.answered(code, connection, flow).response(.ok)
        case .refused(let sentence):
            context.notes.note { $0.error = "connection_refused" }
            return ConnectionPage.refused(sentence).response(.badRequest)
        }
    }
}

/// A page without scripts, pictures or links: nothing on it is fetched, framed, kept or passed on.
struct ConnectionPage: Sendable {
    private let title: String
    /// HTML.
    private let content: String

    static func answered(_ code: String, _ connection: Connection, _ flow: Connection.Flow) -> ConnectionPage {
        let starter = flow.startedFor ?? flow.startedBy.text
        return ConnectionPage(
            title: "One step left",
            content: """
                <p><b>\(escaped(starter))</b> asked to connect this account to the secret
                <b>\(escaped(connection.secret.text))</b>. Is that you? Then give this code to the command line
                that waits:</p>
                <p class="code">\(escaped(code))</p>
                <pre>legate connection finish \(escaped(connection.secret.text)) --code \(escaped(code))</pre>
                <p>If you did not start this yourself, close the page and tell nobody the code: whoever has it and started
                this gets access to your account. The code is good until \(escaped(RFC3339.text(flow.expiresAt))).</p>
                """
        )
    }

    static func refused(_ sentence: String) -> ConnectionPage {
        ConnectionPage(title: "Nothing was connected", content: "<p>\(escaped(sentence))</p>")
    }

    func response(_ status: HTTPResponse.Status) -> Response {
        let page = """
            <!DOCTYPE html>
            <html lang="en">
            <head>
            <meta charset="utf-8">
            <meta name="viewport" content="width=device-width">
            <title>Legate: \(Self.escaped(title))</title>
            <style>\(Self.style)</style>
            </head>
            <body>
            <h1>\(Self.escaped(title))</h1>
            \(content)
            </body>
            </html>

            """
        return Response(
            status, type: "text/html; charset=utf-8", bytes: Array(page.utf8),
            headers: [
                .contentSecurityPolicy:
                    "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; "
                    + "frame-ancestors 'none'",
                .known("Referrer-Policy"): "no-referrer", .known("X-Frame-Options"): "DENY",
                .known("Cross-Origin-Opener-Policy"): "same-origin",
            ]
        )
    }

    private static let style = """
        body { font-family: sans-serif; max-width: 40em; margin: 3em auto; padding: 0 1em; line-height: 1.5 }
        .code { font-family: monospace; font-size: 1.8em; letter-spacing: 0.05em }
        pre { background: #eee; padding: 0.7em; overflow-x: auto }
        """

    private static func escaped(_ text: String) -> String {
        var result = ""
        for character in text.unicodeScalars {
            switch character {
            case "&": result += "&amp;"
            case "<": result += "&lt;"
            case ">": result += "&gt;"
            case "\"": result += "&quot;"
            case "'": result += "&#39;"
            default: result.unicodeScalars.append(character)
            }
        }
        return result
    }
}
