/// Prometheus text format 0.0.4, put together family by family. Label values come from closed sets and need no escapes.
struct MetricsPage {
    private var text = ""

    var bytes: [UInt8] { Array(text.utf8) }

    mutating func counter(_ name: String, _ help: String) { family(name, "counter", help) }

    mutating func histogram(_ name: String, _ help: String) { family(name, "histogram", help) }

    mutating func gauge(_ name: String, _ help: String, labels: [(String, String)] = [], _ value: String) {
        family(name, "gauge", help)
        sample(name, labels, value)
    }

    mutating func sample(_ name: String, _ labels: [(String, String)], _ value: String) {
        text += name
        if !labels.isEmpty { text += "{" + labels.map { "\($0.0)=\"\($0.1)\"" }.joined(separator: ",") + "}" }
        text += " \(value)\n"
    }

    mutating func samples(_ name: String, _ labels: [(String, String)], _ histogram: Histogram) {
        let buckets = histogram.cumulative
        for bucket in buckets { sample(name + "_bucket", labels + [("le", bucket.bound)], String(bucket.count)) }
        sample(name + "_sum", labels, histogram.sumText)
        // The same reading as the last bucket: the two must agree while others count.
        sample(name + "_count", labels, String(buckets.last?.count ?? 0))
    }

    mutating func family(_ name: String, _ type: String, _ help: String) {
        text += "# HELP \(name) \(help)\n# TYPE \(name) \(type)\n"
    }
}
