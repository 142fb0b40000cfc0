/// A registered value behind one reference.
///
/// A client is two dozen texts and lists. Handing it through a request by value would count each of them up and down at
/// every step, on every core that serves the same client; behind a reference it is one count.
package final class Shared<Value: Sendable>: Sendable {
    package let value: Value
    package init(_ value: Value) { self.value = value }
}
