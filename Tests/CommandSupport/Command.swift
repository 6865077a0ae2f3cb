import Glibc
import MTLSIdentity

/// A program to be run to its end.
package struct Command: Sendable {
    /// The program's path.
    package var executable: String
    package var arguments: [String]
    /// All the variables that it gets.
    package var environment = Executable.inheritedEnvironment
    package var standardInput: [UInt8] = []
    /// After that time it is killed, with the processes that it started.
    package var timeLimit = Duration.seconds(60)

    package init(_ executable: String, _ arguments: String...) {
        self.init(executable, arguments)
    }

    package init(_ executable: String, _ arguments: [String]) {
        self.executable = executable
        self.arguments = arguments
    }

    /// What came of it.
    package struct Outcome: Sendable {
        /// The exit status; 128 and the signal's number where a signal ended it.
        package let status: Int32
        package let outputBytes: [UInt8]
        package let errorBytes: [UInt8]
        package var output: String { String(decoding: outputBytes, as: UTF8.self) }
        package var errors: String { String(decoding: errorBytes, as: UTF8.self) }
    }

    /// Runs it, on a thread made for that.
    ///
    /// - Throws: ``CommandError``.
    package func run() async throws -> Outcome {
        try await BlockingWork.run { try runBlocking() }
    }

    private func runBlocking() throws -> Outcome {
        // A program that does not read its input must not end this process; the thread ends with the run.
        var signals = sigset_t()
        sigemptyset(&signals)
        sigaddset(&signals, SIGPIPE)
        pthread_sigmask(SIG_BLOCK, &signals, nil)

        let deadline = ContinuousClock.now + timeLimit
        let (input, output, errors) = (try Pipe(), try Pipe(), try Pipe())
        let pid: pid_t
        do {
            defer { for end in [input.readEnd, output.writeEnd, errors.writeEnd] { close(end) } }
            pid = try Spawn.start(
                .init(
                    executable: executable, arguments: arguments, environment: environment,
                    descriptors: [input.readEnd, output.writeEnd, errors.writeEnd]))
        } catch {
            for end in [input.writeEnd, output.readEnd, errors.readEnd] { close(end) }
            throw error
        }
        var exchange = Exchange(input: input.writeEnd, output: output.readEnd, errors: errors.readEnd, standardInput)
        defer { exchange.close() }
        var status: Int32 = 0
        while exchange.step(until: deadline) {}
        while waitpid(pid, &status, WNOHANG) == 0 {
            guard ContinuousClock.now < deadline else {
                kill(-pid, SIGKILL)
                waitpid(pid, nil, 0)
                throw CommandError.timeLimit(
                    executable, timeLimit, output: String(decoding: exchange.output + exchange.errors, as: UTF8.self))
            }
            usleep(500)
        }
        return Outcome(status: Spawn.exitStatus(status), outputBytes: exchange.output, errorBytes: exchange.errors)
    }
}

/// The bytes that go to a process and come from it.
private struct Exchange {
    private(set) var output: [UInt8] = []
    private(set) var errors: [UInt8] = []
    private var input: ArraySlice<UInt8>
    /// For its input, its output and its errors; -1 when closed, which poll(2) passes over.
    private var descriptors: [pollfd]

    init(input: Int32, output: Int32, errors: Int32, _ bytes: [UInt8]) {
        self.input = bytes[...]
        descriptors = [
            pollfd(fd: input, events: Int16(POLLOUT), revents: 0),
            pollfd(fd: output, events: Int16(POLLIN), revents: 0),
            pollfd(fd: errors, events: Int16(POLLIN), revents: 0),
        ]
        _ = fcntl(input, F_SETFL, O_NONBLOCK)
    }

    /// Moves what can be moved; false at the end of both outputs, or when the time is over.
    mutating func step(until deadline: ContinuousClock.Instant) -> Bool {
        if input.isEmpty { close(0) }
        guard descriptors[1].fd >= 0 || descriptors[2].fd >= 0 else { return false }
        let left = ContinuousClock.now.duration(to: deadline)
        guard left > .zero else { return false }
        let milliseconds = Int32(clamping: left.components.seconds * 1000 + 100)
        guard poll(&descriptors, nfds_t(descriptors.count), milliseconds) > 0 else { return true }
        if descriptors[0].revents != 0 { writeInput() }
        if descriptors[1].revents != 0, !Self.read(descriptors[1].fd, into: &output) { close(1) }
        if descriptors[2].revents != 0, !Self.read(descriptors[2].fd, into: &errors) { close(2) }
        return true
    }

    mutating func close() {
        for index in descriptors.indices { close(index) }
    }

    private mutating func close(_ index: Int) {
        if descriptors[index].fd >= 0 { _ = Glibc.close(descriptors[index].fd) }
        descriptors[index].fd = -1
    }

    private mutating func writeInput() {
        let count = input.withUnsafeBytes { write(descriptors[0].fd, $0.baseAddress, $0.count) }
        if count > 0 {
            input = input.dropFirst(count)
        } else if errno != EAGAIN && errno != EINTR {
            close(0)
        }
    }

    private static func read(_ descriptor: Int32, into bytes: inout [UInt8]) -> Bool {
        var buffer = [UInt8](repeating: 0, count: 65536)
        let count = Glibc.read(descriptor, &buffer, buffer.count)
        if count > 0 { bytes += buffer[..<count] }
        return count > 0 || (count < 0 && errno == EINTR)
    }
}
