import Glibc

/// Starts processes with posix_spawn(3): without a fork, whose child would find locks held by threads that it lacks.
enum Spawn {
    /// What a process is started with.
    struct Request {
        var executable: String
        var arguments: [String]
        var environment: [String: String]
        /// Descriptors of ours that become 0, 1, 2 and so on. No others are handed down, whoever opened them: a
        /// connection that lived on in a child would never be seen to close.
        var descriptors: [Int32]
    }

    /// Starts a process as the leader of a group of its own, with signals as a shell would set them.
    static func start(_ request: Request) throws(CommandError) -> pid_t {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        for (number, descriptor) in request.descriptors.enumerated() {
            posix_spawn_file_actions_adddup2(&actions, descriptor, Int32(number))
        }
        // Closing what is not open is no error.
        for number in request.descriptors.count..<min(1024, sysconf(Int32(_SC_OPEN_MAX))) {
            posix_spawn_file_actions_addclose(&actions, Int32(number))
        }

        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        var signals = sigset_t()
        sigemptyset(&signals)
        posix_spawnattr_setsigmask(&attributes, &signals)
        sigaddset(&signals, SIGPIPE)
        posix_spawnattr_setsigdefault(&attributes, &signals)
        let flags = POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF
        posix_spawnattr_setflags(&attributes, Int16(flags))

        var pid: pid_t = 0
        let result = withCStrings([request.executable] + request.arguments) { arguments in
            withCStrings(request.environment.map { "\($0.key)=\($0.value)" }) { environment in
                posix_spawn(&pid, request.executable, &actions, &attributes, arguments, environment)
            }
        }
        guard result == 0 else { throw .notStarted(request.executable, String(cString: strerror(result))) }
        return pid
    }

    private static func withCStrings<Result>(
        _ strings: [String], _ body: (UnsafePointer<UnsafeMutablePointer<CChar>?>) -> Result
    ) -> Result {
        let copies = strings.map { strdup($0) } + [nil]
        defer { for copy in copies { free(copy) } }
        return body(copies)
    }

    /// The exit status as shells tell it: 128 and the signal's number where a signal ended the process.
    static func exitStatus(_ status: Int32) -> Int32 {
        let signal = status & 0x7f
        return signal == 0 ? (status >> 8) & 0xff : 128 + signal
    }
}

/// A pipe.
struct Pipe {
    let readEnd: Int32
    let writeEnd: Int32

    init() throws(CommandError) {
        var ends: [Int32] = [-1, -1]
        guard pipe(&ends) == 0 else { throw .system("pipe", errno) }
        (readEnd, writeEnd) = (ends[0], ends[1])
    }
}

/// What keeps a command from being run to its end.
package enum CommandError: Error, CustomStringConvertible {
    /// There is no such program in the search path.
    case notFound(String)
    case notStarted(String, String)
    case system(String, Int32)
    /// It took too long and was killed.
    case timeLimit(String, Duration, output: String)
    /// A server ended, or did not begin to listen.
    case serverFailed(String, log: String)

    package var description: String {
        switch self {
        case .notFound(let name): "\(name) is not installed, or not in PATH"
        case .notStarted(let executable, let reason): "cannot start \(executable): \(reason)"
        case .system(let call, let number): "\(call): \(String(cString: strerror(number)))"
        case .timeLimit(let executable, let limit, let output):
            "\(executable) was killed after \(limit); its output: \(output)"
        case .serverFailed(let what, let log): "\(what); its log:\n\(log)"
        }
    }
}
