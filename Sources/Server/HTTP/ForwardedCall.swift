import HTTPTypes
import OAuth

/// The agent's call as a gateway describes it when it asks at `/check`: for the audit trail, never for a decision.
enum ForwardedCall {
    /// Longer ones are cut, in bytes.
    static let longest = 256

    /// Method and path of the call at the gateway, never its query; of our own endpoint when the gateway says nothing.
    ///
    /// Gateways name them in different headers, and one that sets its own may let those of the agent through. So all
    /// that is said stands in the record, with bars between: an agent can add to it, but hide nothing.
    ///
    /// - Parameters:
    ///   - path: that of the request to us.
    ///   - endpoint: that of `/check`; what stands behind it in `path` is the path of the call.
    static func description(
        _ method: HTTPRequest.Method, _ path: String, _ headers: HTTPFields, at endpoint: String
    ) -> String {
        var methods: [String] = []
        for value in values(of: [.forwardedMethod, .originalMethod], in: headers)
        where isMethod(value) && !methods.contains(value) { methods.append(value) }
        if methods.isEmpty { methods.append(method.rawValue) }

        var paths: [String] = []
        let suffix = path.utf8.dropFirst(endpoint.utf8.count)
        if !suffix.isEmpty { paths.append(self.path(of: suffix)) }
        for value in values(of: [.forwardedURI, .originalURI], in: headers) {
            let path = self.path(of: value.utf8[...])
            if !path.isEmpty, !paths.contains(path) { paths.append(path) }
        }
        if paths.isEmpty { paths.append(endpoint) }
        let whole = methods.joined(separator: "|") + " " + paths.joined(separator: "|")
        return whole.utf8.count <= longest ? whole : String(whole.prefix(longest))
    }

    /// The same for those who have to decide by it: whole, and every value that there is.
    static func target(_ path: String, _ headers: HTTPFields, at endpoint: String) -> ForwardedTarget {
        let suffix = String(path.dropFirst(endpoint.count))
        return ForwardedTarget(
            methods: values(of: [.forwardedMethod, .originalMethod], in: headers),
            targets: (suffix.isEmpty ? [] : [suffix]) + values(of: [.forwardedURI, .originalURI], in: headers)
        )
    }

    private static func values(of names: [HTTPField.Name], in headers: HTTPFields) -> [String] {
        names.flatMap { headers[values: $0] }
    }

    /// A token (RFC 9110 section 9.1) of a sensible length, without the bar.
    private static func isMethod(_ text: String) -> Bool {
        (1...32).contains(text.utf8.count)
            && text.utf8.allSatisfy { byte in
                (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte) || (0x30...0x39).contains(byte)
                    || byte == UInt8(ascii: "-") || byte == UInt8(ascii: "_")
            }
    }

    /// The path of a request target, whether it is only a path or a whole URI; empty when there is none.
    private static func path(of target: Substring.UTF8View) -> String {
        var rest = target.prefix { $0 != UInt8(ascii: "?") && $0 != UInt8(ascii: "#") }
        if rest.first != UInt8(ascii: "/") {
            // Scheme and authority, which may hold credentials.
            guard let colon = rest.firstIndex(of: UInt8(ascii: ":")) else {
                return rest.elementsEqual("*".utf8) ? "*" : ""
            }
            let authority = rest[colon...].dropFirst()
            guard authority.starts(with: "//".utf8) else { return "" }
            rest = authority.dropFirst(2).drop { $0 != UInt8(ascii: "/") }
        }
        return String(decoding: VisibleText.escape(rest.prefix(longest), and: [UInt8(ascii: "|")]), as: UTF8.self)
    }
}

extension HTTPField.Name {
    static let forwardedMethod = HTTPField.Name.known("X-Forwarded-Method")
    static let forwardedURI = HTTPField.Name.known("X-Forwarded-Uri")
    static let originalMethod = HTTPField.Name.known("X-Original-Method")
    static let originalURI = HTTPField.Name.known("X-Original-URI")
}
