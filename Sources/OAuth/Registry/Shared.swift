/// A registered value behind one reference.
///
/// A client is two dozen texts and lists. Handing it through a request by value would count each of them up and down at
/// every step, on every core that serves the same client; behind a reference it is one count.
package final class Shared<Value: Sendable>: Sendable {
    package let value: Value
    package init(_ value: Value) { self.value = value }
}

/// A large value that may be absent, behind one reference; nothing is made for nil.
///
/// Whatever travels with a request is copied into the frame of each step, in memory that no cache holds any more when a
/// hundred requests are under way. So large things go by reference, and what most requests lack takes no room in them.
@propertyWrapper
package struct Boxed<Value: Sendable>: Sendable {
    private var box: Shared<Value>?

    package init(wrappedValue: Value?) { box = wrappedValue.map(Shared.init) }

    package var wrappedValue: Value? {
        get { box?.value }
        set { box = newValue.map(Shared.init) }
    }
}

extension Boxed: Equatable where Value: Equatable {
    package static func == (left: Boxed, right: Boxed) -> Bool { left.wrappedValue == right.wrappedValue }
}
