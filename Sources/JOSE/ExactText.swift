extension String {
    /// Whether both texts have the same bytes.
    ///
    /// `==` also holds for different spellings that Unicode calls canonically equivalent, such as `K` and the Kelvin
    /// sign; names in JOSE are compared code point by code point (RFC 8259, 8.3; RFC 7515, 5.3).
    func isExactly(_ other: String) -> Bool {
        // ASCII has one spelling of everything, and `==` compares it as memory.
        self == other && (utf8Span.isKnownASCII && other.utf8Span.isKnownASCII || utf8.elementsEqual(other.utf8))
    }
}

extension String? {
    /// Whether both are absent, or both texts have the same bytes.
    func isExactly(_ other: String?) -> Bool {
        switch (self, other) {
        case (nil, nil): true
        case (let left?, let right?): left.isExactly(right)
        default: false
        }
    }
}
