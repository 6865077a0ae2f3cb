import Glibc

/// What the process has taken so far.
struct ResourceUse: Sendable {
    var user: Duration
    var system: Duration
    /// What of its memory is resident; zero where /proc is not mounted.
    var residentKiB: Int

    static var now: ResourceUse {
        var usage = rusage()
        getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
        return ResourceUse(
            user: duration(usage.ru_utime), system: duration(usage.ru_stime), residentKiB: resident())
    }

    private static func duration(_ time: timeval) -> Duration {
        .seconds(time.tv_sec) + .microseconds(time.tv_usec)
    }

    /// The second number of proc_pid_statm(5), in pages.
    private static func resident() -> Int {
        guard let text = try? Files.read("/proc/self/statm") else { return 0 }
        let fields = String(decoding: text, as: UTF8.self).split(separator: " ")
        return (fields.dropFirst().first.flatMap { Int($0) } ?? 0) * (sysconf(Int32(_SC_PAGESIZE)) >> 10)
    }
}
