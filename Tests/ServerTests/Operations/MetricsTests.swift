import OAuth
import Server
import Testing

@Suite("Metrics in Prometheus text format")
struct MetricsTests {
    private let gauges = Metrics.Gauges(liveRevocations: 7, clients: 42, auditSequence: 1_000_001)

    private func lines(_ metrics: Metrics) -> [String] {
        String(decoding: metrics.render(gauges: gauges), as: UTF8.self).split(separator: "\n").map(String.init)
    }

    /// The lines of one family, its description included.
    private func family(_ name: String, of metrics: Metrics) -> [String] {
        lines(metrics).filter { line in
            line.hasPrefix(name + " ") || line.hasPrefix(name + "{") || line.hasPrefix(name + "_")
                || line.hasPrefix("# HELP \(name) ") || line.hasPrefix("# TYPE \(name) ")
        }
    }

    @Test("requests are counted by route and outcome")
    func requests() {
        let metrics = Metrics()
        metrics.request(route: .token, outcome: Metrics.Outcome(status: 200), duration: .microseconds(900))
        metrics.request(route: .token, outcome: Metrics.Outcome(status: 304), duration: .milliseconds(3))
        metrics.request(route: .token, outcome: Metrics.Outcome(status: 401), duration: .milliseconds(1))
        metrics.request(route: .resourceMetadata, outcome: Metrics.Outcome(status: 500), duration: .seconds(3))
        let family = family("legate_requests_total", of: metrics)
        #expect(
            family.prefix(5) == [
                "# HELP legate_requests_total Requests by route and outcome.",
                "# TYPE legate_requests_total counter",
                #"legate_requests_total{route="token",outcome="success"} 2"#,
                #"legate_requests_total{route="token",outcome="client_error"} 1"#,
                #"legate_requests_total{route="token",outcome="server_error"} 0"#,
            ])
        #expect(family.contains(#"legate_requests_total{route="resource_metadata",outcome="server_error"} 1"#))
        #expect(family.count == 2 + Metrics.Route.allCases.count * Metrics.Outcome.allCases.count)
    }

    @Test("durations fall into cumulative buckets, a bound belonging to its own")
    func durations() {
        let metrics = Metrics()
        for duration in [
            Duration.zero, .microseconds(500), .nanoseconds(500_001), .milliseconds(3), .milliseconds(2500),
            .seconds(10),
        ] { metrics.request(route: .jwks, outcome: .success, duration: duration) }
        let name = "legate_request_duration_seconds"
        let family = family(name, of: metrics)
        #expect(
            family.prefix(2) == [
                "# HELP \(name) Time from the request's head to the answer.", "# TYPE \(name) histogram",
            ])
        #expect(
            family.filter { $0.contains(#"route="jwks""#) } == [
                #"\#(name)_bucket{route="jwks",le="0.0005"} 2"#, #"\#(name)_bucket{route="jwks",le="0.001"} 3"#,
                #"\#(name)_bucket{route="jwks",le="0.0025"} 3"#, #"\#(name)_bucket{route="jwks",le="0.005"} 4"#,
                #"\#(name)_bucket{route="jwks",le="0.01"} 4"#, #"\#(name)_bucket{route="jwks",le="0.025"} 4"#,
                #"\#(name)_bucket{route="jwks",le="0.05"} 4"#, #"\#(name)_bucket{route="jwks",le="0.1"} 4"#,
                #"\#(name)_bucket{route="jwks",le="0.25"} 4"#, #"\#(name)_bucket{route="jwks",le="0.5"} 4"#,
                #"\#(name)_bucket{route="jwks",le="1"} 4"#, #"\#(name)_bucket{route="jwks",le="2.5"} 5"#,
                #"\#(name)_bucket{route="jwks",le="+Inf"} 6"#, #"\#(name)_sum{route="jwks"} 12.504000001"#,
                #"\#(name)_count{route="jwks"} 6"#,
            ])
    }

    @Test("commits are measured by size and time")
    func commits() {
        let metrics = Metrics()
        metrics.batch(size: 1, duration: .milliseconds(1))
        metrics.batch(size: 3, duration: .milliseconds(2))
        metrics.batch(size: 600, duration: .milliseconds(4))
        let name = "legate_commit_batch_size"
        #expect(
            family(name, of: metrics) == [
                "# HELP \(name) Entries committed in one transaction.", "# TYPE \(name) histogram",
                #"\#(name)_bucket{le="1"} 1"#, #"\#(name)_bucket{le="2"} 1"#, #"\#(name)_bucket{le="4"} 2"#,
                #"\#(name)_bucket{le="8"} 2"#, #"\#(name)_bucket{le="16"} 2"#, #"\#(name)_bucket{le="32"} 2"#,
                #"\#(name)_bucket{le="64"} 2"#, #"\#(name)_bucket{le="128"} 2"#, #"\#(name)_bucket{le="256"} 2"#,
                #"\#(name)_bucket{le="512"} 2"#, #"\#(name)_bucket{le="+Inf"} 3"#, "\(name)_sum 604", "\(name)_count 3",
            ])
        #expect(
            family("legate_commit_duration_seconds", of: metrics).suffix(2) == [
                "legate_commit_duration_seconds_sum 0.007000000", "legate_commit_duration_seconds_count 3",
            ])
    }

    @Test("tokens are counted by grant, refusals by error, failed authentications by themselves")
    func tokens() {
        let metrics = Metrics()
        metrics.tokenIssued(.clientCredentials)
        metrics.tokenIssued(.tokenExchange)
        metrics.tokenIssued(.tokenExchange)
        metrics.tokenRefused(.invalidTarget)
        metrics.tokenRefused(.invalidClient)
        metrics.authenticationFailed()
        let lines = lines(metrics)
        for line in [
            #"legate_tokens_issued_total{grant="client_credentials"} 1"#,
            #"legate_tokens_issued_total{grant="token_exchange"} 2"#,
            #"legate_tokens_refused_total{error="invalid_target"} 1"#,
            #"legate_tokens_refused_total{error="invalid_client"} 1"#,
            #"legate_tokens_refused_total{error="invalid_scope"} 0"#, "legate_authentication_failures_total 2",
        ] { #expect(lines.contains(line), "\(line)") }
        #expect(family("legate_tokens_refused_total", of: metrics).count == 2 + OAuthError.Code.allCases.count)
    }

    @Test("gauges and the build are shown")
    func gaugesShown() throws {
        let lines = lines(Metrics(version: "1.2.3"))
        for line in [
            "# TYPE legate_live_revocations gauge", "legate_live_revocations 7", "# TYPE legate_clients gauge",
            "legate_clients 42", "# TYPE legate_audit_sequence gauge", "legate_audit_sequence 1000001",
            "# TYPE process_resident_memory_bytes gauge", "# TYPE legate_build_info gauge",
            #"legate_build_info{version="1.2.3"} 1"#,
        ] { #expect(lines.contains(line), "\(line)") }
        let memory = try #require(
            lines.first { $0.hasPrefix("process_resident_memory_bytes ") }?.split(separator: " ").last)
        #expect(try #require(Int(memory)) > 1_000_000)
    }

    @Test("every line is a description or a sample, and every family is described once, before its samples")
    func wellFormed() throws {
        let text = String(decoding: Metrics().render(gauges: gauges), as: UTF8.self)
        #expect(text.hasSuffix("\n") && !text.contains("\n\n"))
        let sample = try Regex(#"[a-z_]+(\{[a-z]+="[^"\\]*"(,[a-z]+="[^"\\]*")*\})? [0-9]+(\.[0-9]+)?"#)
        var described: Set<String> = []
        for line in text.split(separator: "\n") {
            if line.hasPrefix("# TYPE ") {
                let name = try #require(line.split(separator: " ").dropFirst(2).first)
                #expect(described.insert(String(name)).inserted, "\(name)")
            } else if !line.hasPrefix("# HELP ") {
                #expect(try sample.wholeMatch(in: line) != nil, "\(line)")
                let name = try #require(line.split { $0 == " " || $0 == "{" }.first)
                let isDescribed = described.contains {
                    name == $0
                        || ["_bucket", "_sum", "_count"].contains(name.dropFirst($0.count)) && name.hasPrefix($0)
                }
                #expect(isDescribed, "\(line)")
            }
        }
    }

    @Test("times that no clock gives stop nothing")
    func extremes() {
        let metrics = Metrics()
        for duration in [Duration.seconds(Int64.max), .seconds(Int64.min), .seconds(-1), .seconds(9_223_372_036)] {
            metrics.request(route: .other, outcome: .success, duration: duration)
        }
        metrics.batch(size: -1, duration: .zero)
        metrics.batch(size: Int.max, duration: .zero)
        #expect(lines(metrics).contains(#"legate_requests_total{route="other",outcome="success"} 4"#))
    }

    @Test("no count is lost between tasks")
    func concurrent() async {
        let metrics = Metrics()
        await withTaskGroup { group in
            for _ in 0..<8 {
                group.addTask {
                    for _ in 0..<5000 {
                        metrics.request(route: .token, outcome: .success, duration: .milliseconds(1))
                        metrics.tokenIssued(.clientCredentials)
                    }
                }
            }
        }
        let lines = lines(metrics)
        #expect(lines.contains(#"legate_requests_total{route="token",outcome="success"} 40000"#))
        #expect(lines.contains(#"legate_request_duration_seconds_bucket{route="token",le="0.001"} 40000"#))
        #expect(lines.contains(#"legate_request_duration_seconds_sum{route="token"} 40.000000000"#))
        #expect(lines.contains(#"legate_tokens_issued_total{grant="client_credentials"} 40000"#))
    }
}
