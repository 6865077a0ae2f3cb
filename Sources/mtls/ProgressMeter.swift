import Glibc
import HTTPTypes

/// Shows on a terminal how far a body has come, five times a second at most.
struct ProgressMeter {
    private static let interval = Duration.milliseconds(200)
    private let total: Int?
    private let isShown: Bool
    private var shown: ContinuousClock.Instant?

    init(_ head: HTTPResponse, isShown: Bool) {
        total = head.headerFields[.contentLength].flatMap { Int($0) }
        self.isShown = isShown
    }

    mutating func advance(to count: Int) {
        guard isShown else { return }
        let now = ContinuousClock.now
        if let shown, now - shown < Self.interval, count != total { return }
        shown = now
        Console.write("\r\(Self.line(count, of: total))\u{1B}[K", to: STDERR_FILENO)
    }

    /// Leaves the line, if there is one.
    func end() {
        if shown != nil { Console.write("\n", to: STDERR_FILENO) }
    }

    /// Such as ` 42 % [########            ] 4.2 MiB of 10.0 MiB`.
    static func line(_ count: Int, of total: Int?) -> String {
        guard let total, total > 0 else { return size(count) }
        let share = min(Double(count) / Double(total), 1)
        let (percent, marks) = (Int(share * 100), Int(share * 20))
        let padding = String(repeating: " ", count: percent < 10 ? 2 : percent < 100 ? 1 : 0)
        let bar = String(repeating: "#", count: marks) + String(repeating: " ", count: 20 - marks)
        return "\(padding)\(percent) % [\(bar)] \(size(count)) of \(size(total))"
    }

    private static func size(_ count: Int) -> String {
        if count < 1 << 10 { return "\(count) bytes" }
        let (unit, name) = count < 1 << 20 ? (1 << 10, "KiB") : count < 1 << 30 ? (1 << 20, "MiB") : (1 << 30, "GiB")
        let tenths = Int(Double(count) / Double(unit) * 10)
        return "\(tenths / 10).\(tenths % 10) \(name)"
    }
}
