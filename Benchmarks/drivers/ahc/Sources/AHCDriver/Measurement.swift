import Glibc

/// What one phase took, by clocks that stand still outside it.
struct Measurement {
    private(set) var wall = 0.0
    private(set) var user = 0.0
    private(set) var system = 0.0

    static func of(_ work: () async -> Void) async -> Measurement {
        let start = now()
        await work()
        let end = now()
        var measurement = Measurement()
        measurement.wall = end.wall - start.wall
        measurement.user = end.user - start.user
        measurement.system = end.system - start.system
        return measurement
    }

    private static func now() -> Measurement {
        var usage = rusage()
        var time = timespec()
        getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
        clock_gettime(CLOCK_MONOTONIC, &time)
        var measurement = Measurement()
        measurement.wall = Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
        measurement.user = Double(usage.ru_utime.tv_sec) + Double(usage.ru_utime.tv_usec) / 1e6
        measurement.system = Double(usage.ru_stime.tv_sec) + Double(usage.ru_stime.tv_usec) / 1e6
        return measurement
    }
}

/// The process's resident memory in KiB.
func residentKiB() -> Int {
    guard let file = fopen("/proc/self/statm", "r") else { return 0 }
    defer { fclose(file) }
    var line = [UInt8](repeating: 0, count: 256)
    let count = fread(&line, 1, line.count, file)
    let fields = String(decoding: line.prefix(count), as: UTF8.self).split(separator: " ")
    return fields.count > 1 ? (Int(fields[1]) ?? 0) * Int(sysconf(Int32(_SC_PAGESIZE))) / 1024 : 0
}

/// Swift does not let `stderr` be used: it is a variable that C shares between threads.
func complain(_ text: String) { _ = text.withCString { write(STDERR_FILENO, $0, strlen($0)) } }
