import ArgumentParser
import JOSE

/// What a client, a delegation or a rule is allowed beside its scopes (RFC 9396).
struct AuthorizationDetailsOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "A file with the authorization details that it may have at most: a JSON list. Empty takes them away.",
            valueName: "file"),
        completion: .file(extensions: ["json"])
    )
    var authorizationDetails: String?

    func set(in document: inout JSONObject) throws {
        guard let authorizationDetails else { return }
        let details = authorizationDetails.isEmpty ? [] : try Files.details(authorizationDetails)
        document["authorization_details"] = .array(details)
    }
}

/// The types of authorization details that a resource understands.
struct DetailTypeOptions: ParsableArguments {
    @Option(
        parsing: .upToNextOption,
        help: ArgumentHelp(
            "Files with types of authorization details: each a JSON object with type and schema, or a list of them.",
            valueName: "file"),
        completion: .file(extensions: ["json"])
    )
    var authorizationDetailsType: [String] = []

    func set(in document: inout JSONObject) throws {
        guard !authorizationDetailsType.isEmpty else { return }
        let files = authorizationDetailsType.filter { !$0.isEmpty }
        document["authorization_details_types"] = .array(try files.flatMap { try Files.details($0) })
    }
}

/// What a token is to carry beside its scopes.
struct RequestedDetailsOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "A file with the authorization details to ask for: a JSON list, or - for standard input.", valueName: "file"
        ),
        completion: .file(extensions: ["json"])
    )
    var authorizationDetails: String?

    /// - Parameter others: the other files of the command.
    func shareStandardInput(with others: [String?]) throws {
        guard ([authorizationDetails] + others).count(where: { $0 == "-" }) > 1 else { return }
        throw ValidationError("only one of the files can be standard input")
    }

    func form() throws -> [(name: String, value: String)] {
        guard let authorizationDetails else { return [] }
        let details = JSON.array(try Files.details(authorizationDetails))
        return [("authorization_details", details.text)]
    }
}

extension Files {
    /// A JSON list, or one object for a list of one.
    static func details(_ path: String) throws(CommandFailure) -> [JSON] {
        let source = path == "-" ? "standard input" : path
        let bytes = try read(path)
        let json: JSON
        do throws(JSONError) {
            json = try JSON(parsing: bytes)
        } catch {
            throw CommandFailure("\(source) is \(error)")
        }
        if json.object != nil { return [json] }
        guard let list = json.array else { throw CommandFailure("\(source) must hold a JSON list or one object") }
        return list
    }
}
