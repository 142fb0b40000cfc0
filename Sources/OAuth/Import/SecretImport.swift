package import JOSE
package import Vault

/// Many values that come in at once, from a file of somebody's.
package struct SecretImport: Sendable {
    /// A value and the name that it is to have.
    package struct Item: Sendable {
        package let name: SecretName
        package let value: Secret

        package init(name: SecretName, value: Secret) {
            self.name = name
            self.value = value
        }
    }

    /// Each name is there once.
    package var items: [Item]
    /// Clients that may read what is made new. Nobody when empty, and nothing changes for what is there already.
    package var readers: [ClientID]
    /// Whether a secret that is there with another value gets a new version. Otherwise it is refused.
    package var overwrites: Bool
    /// Only says what would happen.
    package var isDryRun: Bool

    /// Values that one import may bring.
    package static let mostItems = 500

    package init(items: [Item], readers: [ClientID] = [], overwrites: Bool = false, isDryRun: Bool = false) {
        self.items = items
        self.readers = readers
        self.overwrites = overwrites
        self.isDryRun = isDryRun
    }
}

/// What an import does with one of its values, or would do.
package struct ImportStep: Sendable, Equatable {
    package enum Action: String, Sendable, CaseIterable {
        /// A new secret.
        case create
        /// A new version of a secret that is there.
        case newVersion = "new_version"
        /// The secret has this value already.
        case unchanged
        /// The import may not do this; then it does nothing at all.
        case refused
    }

    package let name: SecretName
    package let action: Action
    /// The version that holds the value; nil when refused.
    package let version: Int?
    /// Why it is refused.
    package let reason: String?

    package init(name: SecretName, action: Action, version: Int? = nil, reason: String? = nil) {
        self.name = name
        self.action = action
        self.version = version
        self.reason = reason
    }

    package var document: JSONObject {
        [
            "name": .string(name.text), "action": .string(action.rawValue),
            "version": version.map { .integer(Int64($0)) } ?? .null, "reason": .text(reason),
        ]
    }
}

extension SecretImport {
    /// Reads the request. No text of an error has anything of a value.
    ///
    /// - Throws: `InvalidDocument` with everything that is wrong.
    package init(from document: JSONObject) throws(InvalidDocument) {
        var reader = DocumentReader(document)
        var names: Set<SecretName> = []
        var repeated: [SecretName] = []
        let items = reader.objects("secrets", limit: Self.mostItems) { item -> Item? in
            let name = item.required("name", item.parsed("name", "a name: \(SecretName.form)") { SecretName($0) })
            let value = Self.value(&item)
            guard let name, let value else { return nil }
            if !names.insert(name).inserted { repeated.append(name) }
            return Item(name: name, value: value)
        }
        if items.isEmpty, reader.errors.isEmpty {
            reader.refuse("secrets", "must be a list of 1 to \(Self.mostItems) objects with name and value")
        }
        if let name = repeated.first { reader.refuse("secrets", "\(name) is there twice") }
        let readers = reader.list("readers", "a client id", limit: VaultSecret.mostRules) { ClientID($0) }
        let overwrites = reader.bool("overwrite", default: false)
        let isDryRun = reader.bool("dry_run", default: false)
        try reader.finish()
        self.init(items: items, readers: readers, overwrites: overwrites, isDryRun: isDryRun)
    }

    private static func value(_ reader: inout DocumentReader) -> Secret? {
        let text = reader.value("value")
        let encoded = reader.value("value_base64")
        switch (text, encoded) {
        case (let text?, nil):
            if let text = text.string, let value = bounded(Array(text.utf8)) { return value }
            reader.refuse("value", "must be a text of 1 to \(VaultSecret.longestValue) bytes")
        case (nil, let encoded?):
            if let text = encoded.string, let bytes = bytes(base64: text), let value = bounded(bytes) {
                return value
            }
            reader.refuse(
                "value_base64",
                "must be base64 with padding (RFC 4648 section 4) of 1 to \(VaultSecret.longestValue) bytes")
        default:
            reader.refuse("value", "either value or value_base64 is required, and not both")
        }
        return nil
    }

    /// The bytes of base64 with padding, in its one canonical spelling.
    private static func bytes(base64 text: String) -> [UInt8]? {
        var digits = Array(text.utf8)
        guard digits.count.isMultiple(of: 4) else { return nil }
        for _ in 0..<2 where digits.last == UInt8(ascii: "=") { digits.removeLast() }
        // The alphabet of Base64URL is not this one's: its own two characters are none here.
        guard !digits.contains(UInt8(ascii: "-")), !digits.contains(UInt8(ascii: "_")) else { return nil }
        for index in digits.indices {
            if digits[index] == UInt8(ascii: "+") { digits[index] = UInt8(ascii: "-") }
            if digits[index] == UInt8(ascii: "/") { digits[index] = UInt8(ascii: "_") }
        }
        return Base64URL.decode(digits)
    }

    private static func bounded(_ bytes: [UInt8]) -> Secret? {
        (1...VaultSecret.longestValue).contains(bytes.count) ? Secret(bytes) : nil
    }
}
