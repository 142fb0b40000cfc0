import FoundationEssentials
import JOSE
import OAuth
import Vault

extension JSONObject {
    /// Takes the value out of a body: text as `value`, any bytes as `value_base64`.
    mutating func takeValue() throws(InvalidDocument) -> Secret? {
        let (text, encoded) = (self["value"], self["value_base64"])
        self["value"] = nil
        self["value_base64"] = nil
        switch (text, encoded) {
        case (nil, nil): return nil
        case (.string(let text)?, nil): return Secret(Array(text.utf8))
        case (nil, .string(let text)?):
            guard let data = Data(base64Encoded: text) else {
                throw InvalidDocument("value_base64", "must be base64 with padding (RFC 4648 section 4)")
            }
            return Secret(Array(data))
        case (.some, .some): throw InvalidDocument("value_base64", "is not accepted beside value: give one of them")
        case (.some, nil): throw InvalidDocument("value", "must be a text")
        case (nil, .some): throw InvalidDocument("value_base64", "must be a text")
        }
    }

    /// Refuses a webhook at an address of a private network where the policy does not allow one: no rotation would ever
    /// come through. What a name leads to is seen when it is called.
    func checkWebhook() throws(InvalidDocument) {
        guard let rotation = self["rotation"]?.object, let webhook = rotation["webhook"]?.string,
            rotation["allow_private_network"]?.bool != true, let host = URIReference(webhook)?.host,
            IPAddress(host.lowercased())?.reach == .privateNetwork
        else { return }
        throw InvalidDocument(
            "rotation.webhook", "is at an address of a private network, which takes allow_private_network: true")
    }

    /// Takes a number out of a body.
    mutating func takeNumber(_ name: String, from least: Int) throws(InvalidDocument) -> Int? {
        guard let value = self[name] else { return nil }
        self[name] = nil
        guard let number = value.integer.flatMap({ Int(exactly: $0) }), number >= least else {
            throw InvalidDocument(name, "must be a whole number from \(least)")
        }
        return number
    }

    /// Refuses whatever nobody has taken.
    func refuseRest() throws(InvalidDocument) {
        let errors = members.map { FieldError(String($0.name.prefix(64)), "is not a member that can be set here") }
        if !errors.isEmpty { throw InvalidDocument(errors) }
    }
}

extension AdminRequest {
    /// Bytes of a body that carries a value: 64 KiB, of which every byte may be written as a JSON escape.
    static let longestValueBody = 6 * VaultSecret.longestValue + 16 * 1024
}
