import MTLSClient

/// What a load showed.
struct LoadReport: Sendable {
    private let tally: LoadTally.Summary
    private let wall: Duration
    private let user: Duration
    private let system: Duration
    private let fullHandshakes: Int
    private let resumedHandshakes: Int
    private let signatures: Int
    private let baseKiB: Int
    /// The process's memory at the end.
    var residentKiB: Int

    init(
        tally: LoadTally.Summary, wall: Duration, before: ResourceUse, after: ResourceUse,
        from: ClientStatistics, to: ClientStatistics
    ) {
        self.tally = tally
        self.wall = wall
        user = after.user - before.user
        system = after.system - before.system
        fullHandshakes = to.fullHandshakes - from.fullHandshakes
        resumedHandshakes = to.resumedHandshakes - from.resumedHandshakes
        signatures = to.signatures - from.signatures
        baseKiB = before.residentKiB
        residentKiB = after.residentKiB
    }

    var errors: Int { tally.errors }

    /// That of the first failure, if there was one.
    var status: Int32 { (tally.firstError as? MTLSError).map(ExitStatus.of) ?? (tally.firstError == nil ? 0 : 1) }

    private var rate: Double { Double(tally.requests) / max(wall.asSeconds, 1e-9) }

    var json: JSON {
        .object([
            ("requests", .number(tally.requests)), ("errors", .number(tally.errors)),
            ("wall_s", .decimal(wall.asSeconds)), ("user_s", .decimal(user.asSeconds)),
            ("sys_s", .decimal(system.asSeconds)), ("rate", .decimal(rate)),
            ("p50_us", .number(tally.microseconds(at: 50))), ("p90_us", .number(tally.microseconds(at: 90))),
            ("p99_us", .number(tally.microseconds(at: 99))), ("max_us", .number(tally.longestMicroseconds)),
            ("handshakes_full", .number(fullHandshakes)), ("handshakes_resumed", .number(resumedHandshakes)),
            ("signatures", .number(signatures)), ("bytes", .number(tally.bytes)),
            ("rss_base_kb", .number(baseKiB)), ("rss_kb", .number(residentKiB)),
            ("statuses", .object(tally.statuses.sorted { $0.key < $1.key }.map { ("\($0.key)", .number($0.value)) })),
            ("first_error", JSON(firstError)),
        ])
    }

    var lines: [String] {
        let statuses = tally.statuses.sorted { $0.key < $1.key }.map { "\($0.value) x \($0.key)" }
        let each = (user + system).asSeconds / Double(max(tally.requests, 1))
        var lines = [
            "requests    \(tally.requests) in \(Self.digits(wall.asSeconds, 2)) s: \(Self.digits(rate, 0)) per second",
            "errors      \(tally.errors)" + (firstError.map { ", the first: \($0)" } ?? ""),
            "responses   " + (statuses.isEmpty ? "none" : statuses.joined(separator: ", ")),
            "latency     p50 \(milliseconds(50)), p90 \(milliseconds(90)), p99 \(milliseconds(99)), longest "
                + Self.milliseconds(tally.longestMicroseconds),
            "handshakes  \(fullHandshakes) full, \(resumedHandshakes) resumed; \(signatures) signatures",
            "bytes       \(tally.bytes), \(Self.digits(Double(tally.bytes) / max(wall.asSeconds, 1e-9) / 1e6, 1)) MB/s",
            "processor   \(Self.digits(user.asSeconds, 2)) s here and \(Self.digits(system.asSeconds, 2)) s in the kernel: "
                + "\(Self.digits(each * 1e6, 1)) \u{B5}s per request",
            "memory      \(residentKiB) KiB, \(baseKiB) KiB before",
        ]
        if tally.requests == 0 { lines.remove(at: 3) }
        return lines
    }

    private var firstError: String? { tally.firstError.map { ($0 as? MTLSError).map(ErrorText.line) ?? "\($0)" } }

    private func milliseconds(_ percentile: Double) -> String {
        Self.milliseconds(tally.microseconds(at: percentile))
    }

    private static func milliseconds(_ microseconds: Int) -> String {
        "\(digits(Double(microseconds) / 1000, microseconds < 10_000 ? 3 : 1)) ms"
    }

    /// With so many digits behind the point.
    static func digits(_ value: Double, _ count: Int) -> String {
        guard value.isFinite, abs(value) < 1e15 else { return "\(value)" }
        let scale = (0..<count).reduce(1) { power, _ in power * 10 }
        let scaled = Int((abs(value) * Double(scale)).rounded())
        let sign = value < 0 && scaled > 0 ? "-" : ""
        guard count > 0 else { return "\(sign)\(scaled)" }
        let fraction = "\(scaled % scale)"
        return "\(sign)\(scaled / scale).\(String(repeating: "0", count: count - fraction.count))\(fraction)"
    }
}

extension Duration {
    var asSeconds: Double { Double(components.seconds) + Double(components.attoseconds) / 1e18 }
}
