package import Vault

/// A form that is sent to somebody else's endpoint. What it carries is secret.
package struct FormPost: Sendable {
    package let url: String
    /// `application/x-www-form-urlencoded`
    package let body: Secret
    /// The value of the `Authorization` header.
    package let authorization: Secret?

    package init(url: String, body: Secret, authorization: Secret? = nil) {
        self.url = url
        self.body = body
        self.authorization = authorization
    }
}

/// What came back to a form: whatever its status, for a refusal has a body too.
package struct FormAnswer: Sendable {
    package let status: Int
    package let body: [UInt8]

    package init(status: Int, body: [UInt8]) {
        self.status = status
        self.body = body
    }
}
