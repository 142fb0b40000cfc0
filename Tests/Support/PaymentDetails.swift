package import JOSE
package import OAuth

/// The worked example of authorization details: payments, with a ceiling on the amount.
package enum PaymentDetails {
    /// `{"type","schema"}`, as a resource registers it.
    package static let type: JSON = [
        "type": "payment",
        "schema": [
            "type": "object",
            "required": ["amount", "currency", "creditor"],
            "properties": [
                "amount": ["type": "number", "minimum": 0, "maximum": 100_000, "x-legate-narrows": "max"],
                "currency": ["type": "string", "enum": ["EUR", "USD"]],
                "creditor": ["type": "string", "minLength": 1, "maxLength": 34, "x-legate-narrows": "pin"],
                "actions": [
                    "type": "array", "minItems": 1, "uniqueItems": true, "x-legate-narrows": "subset",
                    "items": ["type": "string", "enum": ["initiate", "status", "cancel"]],
                ],
                "notBefore": ["type": "integer", "minimum": 0, "x-legate-narrows": "min"],
            ],
        ],
    ]

    /// What a token may carry.
    package static func payment(
        _ amount: JSON, currency: String = "EUR", creditor: String? = "ACME", actions: [String]? = nil,
        at resource: ResourceURI? = nil
    ) -> JSON {
        var detail: JSONObject = ["type": "payment", "amount": amount, "currency": .string(currency)]
        if let creditor { detail["creditor"] = .string(creditor) }
        if let actions { detail["actions"] = .array(actions.map(JSON.string)) }
        if let resource { detail["locations"] = [.string(resource.text)] }
        return .object(detail)
    }
}

extension LegateKit {
    /// The orders take payments: the planner may ask for up to 500 EUR to anyone, the worker for up to 400.
    package func acceptPayments(required: Bool = false) async throws {
        try await update(
            .resource, "orders",
            [
                "authorization_details_types": [PaymentDetails.type],
                "require_authorization_details": .bool(required),
            ]
        )
        let actions = ["initiate", "status"]
        try await update(
            .client, "planner",
            [
                "authorization_details": [
                    PaymentDetails.payment(500, creditor: nil, at: World.orders),
                    PaymentDetails.payment(500, creditor: nil, actions: actions, at: World.orders),
                ]
            ]
        )
        try await update(
            .client, "worker",
            ["authorization_details": [PaymentDetails.payment(400, creditor: nil, at: World.orders)]]
        )
    }
}

extension LegateKit {
    /// Alice lets the planner pay for her, up to an amount and to anyone.
    @discardableResult
    package func delegatePayments(
        from user: String = "alice", to party: Party? = nil, upTo amount: JSON, mayAct: [ClientID] = []
    ) async throws -> Delegation {
        let draft: JSONObject = [
            "issuer": .string(corp.name.text), "subject": .string(user),
            "client_id": .string((party ?? planner).id.text), "scopes": ["orders.read"],
            "resources": [.string(World.orders.text)], "may_act": .array(mayAct.map { .string($0.text) }),
            "authorization_details": [PaymentDetails.payment(amount, creditor: nil, at: World.orders)],
        ]
        guard let delegation = try await create(.delegation, draft).created as? Delegation else {
            throw NoDelegation()
        }
        return delegation
    }

    private struct NoDelegation: Error {}
}
