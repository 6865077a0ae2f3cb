import Glibc
import MTLSIdentity
import Synchronization

/// A server in a process of its own, which ends when this object goes, and when our process ends in whatever way.
///
/// A shell beside the server holds the reading end of a pipe whose writing end is here: at its end the shell removes the
/// server's directory and kills the server's process group.
package final class ServerProcess: Sendable {
    /// Holds its configuration and log.
    package let directory: TemporaryDirectory
    private let name: String
    private let leash: Mutex<Int32>
    private let ending = Ending()

    /// Starts a program that serves until it is killed.
    ///
    /// - Parameters:
    ///   - executable: The program's path.
    ///   - arguments: What it gets.
    ///   - directory: Its working directory, where its log goes too. Removed in the end.
    /// - Throws: ``CommandError``.
    package init(_ executable: String, _ arguments: [String], in directory: TemporaryDirectory) throws {
        let log = open("\(directory.path)/log", O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o600)
        let nothing = open("/dev/null", O_RDONLY | O_CLOEXEC)
        let pipe = try Pipe()
        defer { for descriptor in [log, nothing, pipe.readEnd] { close(descriptor) } }
        name = executable
        self.directory = directory
        leash = Mutex(pipe.writeEnd)
        let script = #"cd -- "$0"; (read -r line <&3; rm -rf -- "$0"; kill -KILL 0) & exec "$@" 3<&-"#
        let pid: pid_t
        do {
            pid = try Spawn.start(
                .init(
                    executable: "/bin/sh", arguments: ["-c", script, directory.path, executable] + arguments,
                    environment: Executable.inheritedEnvironment,
                    descriptors: [nothing, log, log, pipe.readEnd]))
        } catch {
            close(pipe.writeEnd)
            throw error
        }
        let ending = ending
        BlockingWork.spawn {
            var status: Int32 = 0
            while waitpid(pid, &status, 0) < 0 && errno == EINTR {}
            ending.resolve(Spawn.exitStatus(status))
        }
    }

    deinit { cut() }

    /// Waits until it accepts connections at `port` of the loopback address.
    ///
    /// - Throws: ``CommandError/serverFailed(_:log:)`` when it ends before, or when that takes more than 60 seconds.
    package func waitUntilListening(on port: LoopbackPort) async throws {
        let deadline = ContinuousClock.now + .seconds(60)
        while !port.accepts {
            if let status = ending.status {
                throw CommandError.serverFailed("\(name) ended with status \(status)", log: log)
            }
            guard ContinuousClock.now < deadline else {
                throw CommandError.serverFailed("\(name) does not listen on port \(port.number)", log: log)
            }
            try await Task.sleep(for: .milliseconds(5))
        }
    }

    /// Ends it.
    ///
    /// - Returns: Its exit status, as ``Command/Outcome/status``.
    @discardableResult
    package func stop() async -> Int32 {
        cut()
        return await ending.value()
    }

    /// What it wrote.
    package var log: String { directory.text(of: "log") }

    private func cut() {
        leash.withLock { descriptor in
            if descriptor >= 0 { close(descriptor) }
            descriptor = -1
        }
    }
}

/// The exit status of a process, once it has ended.
private final class Ending: Sendable {
    private enum State {
        case running([CheckedContinuation<Int32, Never>])
        case ended(Int32)
    }

    private let state = Mutex(State.running([]))

    var status: Int32? { state.withLock { if case .ended(let status) = $0 { status } else { nil } } }

    func resolve(_ status: Int32) {
        let waiters = state.withLock { state -> [CheckedContinuation<Int32, Never>] in
            defer { state = .ended(status) }
            if case .running(let waiters) = state { return waiters } else { return [] }
        }
        for waiter in waiters { waiter.resume(returning: status) }
    }

    func value() async -> Int32 {
        await withCheckedContinuation { continuation in
            let status = state.withLock { state -> Int32? in
                switch state {
                case .ended(let status): return status
                case .running(let waiters):
                    state = .running(waiters + [continuation])
                    return nil
                }
            }
            if let status { continuation.resume(returning: status) }
        }
    }
}
