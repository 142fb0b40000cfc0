import JOSE
import Testing

@testable import OAuth

@Suite("Slowing down guesses")
struct FailureThrottleTests {
    private let planner = Fixtures.id("planner")
    private let now = Fixtures.now

    private func attempt(
        _ client: ClientID? = nil, from peer: String = "192.0.2.1", isCheap: Bool = true
    ) -> FailureThrottle.Attempt {
        FailureThrottle.Attempt(client: client, from: peer, isCheap: isCheap)
    }

    private func failing(_ count: Int) -> FailureThrottle {
        let throttle = FailureThrottle()
        for _ in 0..<count { throttle.failed(attempt(planner), at: now) }
        return throttle
    }

    private func wait(_ gate: FailureThrottle.Gate) -> Int? {
        guard case .closed(let refusal) = gate else { return nil }
        return refusal.retryAfter
    }

    @Test("ten failures in a minute close the door for the rest of that minute")
    func ten() {
        #expect(failing(9).gate(attempt(planner), at: now) == .open)
        let throttle = failing(10)
        #expect(wait(throttle.gate(attempt(planner), at: now)) == 60)
        #expect(wait(throttle.gate(attempt(planner), at: now.adding(seconds: 59))) == 1)
        #expect(throttle.gate(attempt(planner), at: now.adding(seconds: 60)) == .open)
        #expect(!throttle.isBusy(at: now.adding(seconds: 60)))
    }

    @Test("the honest client elsewhere and another client are not locked out")
    func others() {
        let throttle = failing(99)
        #expect(throttle.gate(attempt(planner, from: "192.0.2.2"), at: now) == .open)
        #expect(throttle.gate(attempt(Fixtures.id("worker")), at: now) == .open)
    }

    @Test("a new minute begins with a clean slate")
    func newWindow() {
        let throttle = failing(10)
        let later = now.adding(seconds: 61)
        for _ in 0..<9 { throttle.failed(attempt(planner), at: later) }
        #expect(throttle.gate(attempt(planner), at: later) == .open)
    }

    @Test("HOST-81 guesses from a thousand addresses slow down all strangers, and not the address that is known")
    func spread() {
        let throttle = FailureThrottle()
        throttle.succeeded(planner, from: "192.0.2.1", at: now)
        for number in 0..<1000 {
            throttle.failed(attempt(planner, from: "10.1.\(number / 250).\(number % 250)"), at: now)
        }
        #expect(throttle.gate(attempt(planner, isCheap: false), at: now) == .open)
        let stranger = throttle.gate(attempt(planner, from: "198.51.100.7"), at: now)
        guard case .wary(let refusal) = stranger else {
            Issue.record("a stranger's secret is answered like any other: \(stranger)")
            return
        }
        #expect(refusal.rule == RateLimitPolicy.failedAuthenticationOfClient.name)
        #expect(throttle.gate(attempt(Fixtures.id("worker"), from: "198.51.100.7"), at: now) == .open)
    }

    @Test("guesses from the address of the honest client do not lock it out")
    func shared() {
        let throttle = FailureThrottle()
        throttle.succeeded(planner, from: "192.0.2.1", at: now)
        for _ in 0..<100 { throttle.failed(attempt(planner), at: now) }
        guard case .wary(let refusal) = throttle.gate(attempt(planner), at: now) else {
            Issue.record("its secret is not even looked at")
            return
        }
        #expect(refusal.rule == RateLimitPolicy.failedAuthentication.name)
        #expect(wait(throttle.gate(attempt(planner, isCheap: false), at: now)) == nil)
        for _ in 0..<600 { throttle.failed(attempt(planner, isCheap: false), wasWary: true, at: now) }
        #expect(wait(throttle.gate(attempt(planner, isCheap: false), at: now)) == nil)
        #expect(wait(throttle.gate(attempt(planner, isCheap: false), at: now)) == 60)
        #expect(wait(throttle.gate(attempt(planner), at: now)) == nil)
    }

    @Test("signatures for a client under attack are checked one in a tenth of a second")
    func trickle() {
        let throttle = FailureThrottle()
        for number in 0..<200 { throttle.failed(attempt(planner, from: "10.1.0.\(number)"), at: now) }
        func checked(_ milliseconds: Int64) -> Bool {
            let time = Timestamp(milliseconds: now.milliseconds + milliseconds)
            let gate = throttle.gate(attempt(planner, from: "198.51.100.7", isCheap: false), at: time)
            if case .closed = gate { return false }
            return true
        }
        #expect([0, 10, 50, 99, 100, 150, 200].map(checked) == [true, false, false, false, true, false, true])
    }

    @Test("an address that tries many clients has to wait, and the clients that it is known for do not")
    func spray() {
        let throttle = FailureThrottle()
        throttle.succeeded(planner, from: "192.0.2.1", at: now)
        for number in 0..<600 { throttle.failed(attempt(ClientID("client-\(number)")), at: now) }
        #expect(throttle.gate(attempt(planner, isCheap: false), at: now) == .open)
        _ = throttle.gate(attempt(isCheap: false), at: now)
        #expect(wait(throttle.gate(attempt(isCheap: false), at: now)) == 60)
        #expect(throttle.gate(attempt(from: "192.0.2.2", isCheap: false), at: now) == .open)
    }

    @Test("one IPv6 network is one address")
    func networks() {
        let throttle = FailureThrottle()
        for number in 0..<10 { throttle.failed(attempt(planner, from: "2001:db8:1:2::\(number)"), at: now) }
        #expect(wait(throttle.gate(attempt(planner, from: "2001:db8:1:2:ffff::9"), at: now)) == 60)
        #expect(throttle.gate(attempt(planner, from: "2001:db8:1:3::9"), at: now) == .open)
    }

    @Test("200,000 invented ids from as many addresses do not grow memory, and do not hide who is attacked")
    func bounded() {
        let throttle = failing(10)
        for number in 0..<200_000 {
            let peer = "10.\(number >> 16).\((number >> 8) & 255).\(number & 255)"
            throttle.failed(attempt(ClientID("invented-\(number)"), from: peer), at: now)
        }
        #expect(throttle.size <= 3 * FailureThrottle.capacity)
        #expect(wait(throttle.gate(attempt(planner), at: now)) == 60)
    }

    @Test("200,000 clients that prove themselves are not all remembered")
    func boundedKnown() {
        let throttle = FailureThrottle()
        for number in 0..<200_000 {
            guard let client = ClientID("client-\(number)") else { continue }
            throttle.succeeded(client, from: "192.0.2.1", at: now)
        }
        for number in 0..<1000 { throttle.succeeded(planner, from: "10.0.0.\(number)", at: now) }
        #expect(throttle.size <= 2 * 8192)
    }

    @Test("HOST-82 a clock that is set back an hour closes no door for an hour")
    func clockSetBack() {
        let throttle = failing(10)
        let before = Timestamp(milliseconds: now.milliseconds - 3_600_000)
        #expect(throttle.gate(attempt(planner), at: before) == .open)
    }

    @Test("signatures that do not verify are bounded for each address, in bounded memory")
    func signatures() throws {
        let budget = SignatureBudget()
        for _ in 0..<RateLimitPolicy.failedSignatures.quota {
            try budget.require("192.0.2.1", at: now)
            budget.spend("192.0.2.1", at: now)
        }
        #expect(throws: OAuthError.self) { try budget.require("192.0.2.1", at: now) }
        try budget.require("192.0.2.2", at: now)
        try budget.require("192.0.2.1", at: now.adding(seconds: RateLimitPolicy.failedSignatures.window))
        for number in 0..<200_000 { budget.spend("peer-\(number)", at: now) }
        #expect(budget.size <= SignatureBudget.capacity)
        #expect(throws: OAuthError.self) { try budget.require("192.0.2.1", at: now) }
    }
}

@Suite("Addresses that count as one")
struct PeerNetworkTests {
    @Test(
        "an IPv4 address is itself, an IPv6 address its first 64 bits",
        arguments: [
            ("192.0.2.1", "192.0.2.1"), ("::ffff:192.0.2.1", "192.0.2.1"), ("local", "local"),
            ("2001:db8::1", "2001:db8:0:0::/64"), ("2001:DB8:0:0:1:2:3:4", "2001:db8:0:0::/64"),
            ("fe80::1%eth0", "fe80:0:0:0::/64"), ("::1", "0:0:0:0::/64"), ("::", "0:0:0:0::/64"),
            ("1:2:3:4:5:6:7::", "1:2:3:4::/64"), ("1:2:3", "1:2:3"), ("a::b::c", "a::b::c"), (":::", ":::"),
            ("12345::", "12345::"),
        ]
    )
    func groups(_ address: String, _ network: String) {
        #expect(PeerNetwork.of(address) == network)
    }
}
