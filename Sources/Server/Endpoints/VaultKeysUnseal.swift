import HTTPTypes
import Hummingbird
import JOSE
import OAuth
import Vault

/// One call of `POST /admin/vault/unseal`: with a passphrase, which is all the right one needs, or without one, when
/// the vault is opened with the root key file: then as an operator.
struct UnsealAttempt: Sendable {
    static let path = "/admin/vault/unseal"
    private static let endpoint = "POST /admin/vault/unseal"
    private static let scope = "vault:manage"
    /// Bytes.
    private static let longestPassphrase = 1024

    let passphrase: Secret?
    let request: Request
    let context: OAuth.RequestContext
    private let legateContext: LegateContext
    private var notes: RequestNotes { legateContext.notes }
    private let issuer: IssuerURL

    /// - Throws: a refusal naming the member that is not acceptable.
    init(_ request: Request, _ context: LegateContext, issuer: IssuerURL) async throws {
        context.notes.note { $0.route = .admin }
        self.request = request
        self.context = context.audited(as: Self.endpoint)
        self.issuer = issuer
        legateContext = context
        let document = try await AdminRequest.document(of: request)
        for member in document.members where member.name != "passphrase" {
            throw InvalidDocument(member.name, "is not a member that can be set here")
        }
        switch document["passphrase"] {
        case nil: passphrase = nil
        case .string(let text)?:
            guard !text.isEmpty, text.utf8.count <= Self.longestPassphrase else {
                throw InvalidDocument("passphrase", "must be 1 to \(Self.longestPassphrase) bytes")
            }
            passphrase = Secret(Array(text.utf8))
        default: throw InvalidDocument("passphrase", "must be a text")
        }
    }

    /// The operator who asks, by a live token for the admin API or by the client's own credentials.
    ///
    /// - Throws: an `OAuthError` or a `Challenge`.
    func `operator`(of server: AuthorizationServer) async throws -> Operator {
        let admin = server.registry.ownResources.admin
        if BearerAuthentication.isPresented(in: request) {
            let token = try await BearerAuthentication(server: server, resource: admin)
                .authorize(request, legateContext, as: Self.endpoint, scope: Self.scope)
            notes.note { $0.clientID = token.clientID.text }
            return Operator(token: token, context: context)
        }
        // A token for this one purpose: whoever gets it may do what it is asked for.
        let form =
            "grant_type=client_credentials&resource=\(Self.formEncoded(admin.uri.text))&scope=\(Self.formEncoded(Self.scope))"
        let answer = try await server.tokenEndpoint.respond(
            to: ClientRequest(
                authorization: try request.authorization(), parameters: try Parameters(form: Array(form.utf8)),
                context: context, presented: request.presented(at: issuer, in: legateContext)
            )
        )
        notes.note { $0.clientID = answer.token.clientID.text }
        return Operator(token: answer.token, context: context)
    }

    /// The refusal of a caller without any credentials, told before anything is opened.
    var unauthorized: Challenge {
        Challenge(
            error: OAuthError(
                .invalidClient,
                "the root key file opens this vault: unsealing it needs the credentials of an operator with vault:manage"
            ),
            header: #"Basic realm="legate", charset="UTF-8""#
        )
    }

    /// The refusal of a passphrase where none opens the vault. Which of the two does, `/health/ready` tells everybody.
    static var passphraseNotNeeded: HTTPRefusal {
        HTTPRefusal(
            status: .conflict, code: "root_key_file",
            detail:
                "the root key file opens this vault, no passphrase: send none, and an operator's credentials instead"
        )
    }

    /// The refusal when the root key file cannot be used. Before it opens the vault no credentials can be checked, so
    /// that this says no more than anybody may know.
    static var rootKeyUnusable: HTTPRefusal {
        HTTPRefusal(
            status: .conflict, code: "root_key_unusable",
            detail:
                "the server's root key file is missing, not readable or another key: its log says which, and what to do"
        )
    }

    /// What the audit trail keeps of it: who, and how many came before without success.
    func event(by caller: Operator?, refusedAttempts: Int, at now: Timestamp) -> AuditEvent {
        let reason = refusedAttempts == 0 ? nil : "\(refusedAttempts) attempts were refused before"
        return .unsealed(by: caller, in: context, reason: reason, at: now)
    }

    private static func formEncoded(_ text: String) -> String {
        var result = ""
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "a")...UInt8(ascii: "z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"):
                result.unicodeScalars.append(Unicode.Scalar(byte))
            default: result += "%" + (byte < 16 ? "0" : "") + String(byte, radix: 16, uppercase: true)
            }
        }
        return result
    }
}
