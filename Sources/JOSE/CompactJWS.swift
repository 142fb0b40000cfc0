/// The three parts of a JWS in compact form (RFC 7515, 7.1), as they were sent.
struct CompactJWS {
    private let bytes: [UInt8]
    /// Where the dots stand.
    private let first: Int
    private let second: Int

    var header: ArraySlice<UInt8> { bytes[..<first] }
    private var payload: ArraySlice<UInt8> { bytes[(first + 1)..<second] }
    private var signature: ArraySlice<UInt8> { bytes[(second + 1)...] }
    /// The header and the payload with the dot between them.
    var signingInput: ArraySlice<UInt8> { bytes[..<second] }

    init(_ compact: String, maximumLength: Int) throws(JWTError) {
        guard compact.utf8.count <= maximumLength else {
            throw .malformed("it is longer than \(maximumLength) bytes")
        }
        let bytes = Array(compact.utf8)
        let dot = UInt8(ascii: ".")
        guard let first = bytes.firstIndex(of: dot), let second = bytes[(first + 1)...].firstIndex(of: dot),
            !bytes[(second + 1)...].contains(dot)
        else { throw .malformed("it does not have three parts") }
        self.bytes = bytes
        self.first = first
        self.second = second
    }

    func headerMembers() throws(JWTError) -> JSONObject {
        try Self.object(header, "its header is not a JSON object")
    }

    func claims() throws(JWTError) -> JSONObject {
        try Self.object(payload, "its payload is not a JSON object")
    }

    func decodedSignature() throws(JWTError) -> [UInt8] {
        guard let bytes = Base64URL.decode(signature) else { throw .malformed("its signature is not base64url") }
        return bytes
    }

    private static func object(_ segment: ArraySlice<UInt8>, _ complaint: String) throws(JWTError) -> JSONObject {
        guard let bytes = Base64URL.decode(segment), case .object(let object)? = try? JSON(parsing: bytes) else {
            throw .malformed(complaint)
        }
        return object
    }
}
