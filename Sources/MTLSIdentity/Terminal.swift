import Glibc
import MTLSCore
import SecretMemory
import Synchronization

/// The process's terminal.
enum Terminal {
    /// Asks for a secret with the echo off.
    ///
    /// The terminal is put back as it was in every case: while it asks, Ctrl-C is a character like any other, and the
    /// signal is raised afterwards.
    ///
    /// - Returns: nil when the answer is empty.
    static func ask(_ request: SecretSource.Request) throws -> SecretBytes? {
        switch try ask(request, on: "/dev/tty") {
        case .secret(let secret): return secret.count == 0 ? nil : secret
        case .interrupted:
            kill(getpid(), SIGINT)
            return nil
        }
    }

    enum Answer {
        case secret(SecretBytes)
        /// Ctrl-C was pressed.
        case interrupted
    }

    /// One question at a time: two would undo each other's settings.
    private static let turn = Mutex(())
    private static let longest = 256

    static func ask(_ request: SecretSource.Request, on path: String) throws(MTLSError) -> Answer {
        try turn.withLock { _ throws(MTLSError) in try askAlone(request, on: path) }
    }

    private static func askAlone(_ request: SecretSource.Request, on path: String) throws(MTLSError) -> Answer {
        func failure(_ reason: String) -> MTLSError {
            MTLSError(
                request.missing, phase: .identity, fault: .caller,
                "the \(request.name) of \(request.subject) cannot be asked for: \(reason)",
                advice: "give it by a file or an environment variable")
        }
        let terminal = open(path, O_RDWR | O_CLOEXEC | O_NOCTTY)
        guard terminal >= 0 else { throw failure("there is no terminal") }
        defer { _ = Glibc.close(terminal) }
        var settings = termios()
        guard tcgetattr(terminal, &settings) == 0 else { throw failure("\(path) is not a terminal") }
        var silent = settings
        silent.c_lflag &= ~tcflag_t(ECHO | ECHONL | ICANON | ISIG)
        withUnsafeMutableBytes(of: &silent.c_cc) {
            $0[Int(VMIN)] = 1
            $0[Int(VTIME)] = 0
        }
        guard tcsetattr(terminal, TCSAFLUSH, &silent) == 0 else { throw failure("its echo cannot be turned off") }
        defer {
            tcsetattr(terminal, TCSAFLUSH, &settings)
            write("\n", to: terminal)
        }
        let warning = request.isFinalTry ? " (last try: a wrong one locks it)" : ""
        write("\(Printable.escape(request.subject)): \(request.name)\(warning): ", to: terminal)
        var end = End.line
        // One byte more than an answer may have, where characters arrive that do not belong to it.
        let secret = SecretBytes(capacity: longest + 1) { readLine(from: terminal, into: $0, end: &end) }
        switch end {
        case .line: return .secret(secret)
        case .interrupted: return .interrupted
        // A part of a PIN would be a wrong PIN, which costs a try.
        case .hangUp: throw failure("the terminal went away")
        case .tooLong: throw failure("the answer is longer than \(longest) bytes")
        }
    }

    private enum End { case line, interrupted, hangUp, tooLong }

    private static func write(_ text: String, to terminal: Int32) {
        let bytes = Array(text.utf8)
        _ = Glibc.write(terminal, bytes, bytes.count)
    }

    private static func readLine(
        from terminal: Int32, into memory: UnsafeMutableRawBufferPointer, end: inout End
    ) -> Int {
        var count = 0
        while true {
            let result = Glibc.read(terminal, memory.baseAddress?.advanced(by: count), 1)
            if result < 0 && errno == EINTR { continue }
            guard result == 1 else {
                end = .hangUp
                return 0
            }
            switch memory[count] {
            case UInt8(ascii: "\n"), UInt8(ascii: "\r"), 0x04: return count
            case 0x03:
                end = .interrupted
                return 0
            case 0x15: count = 0
            case 0x08, 0x7F:
                // A whole character of UTF-8, continuation bytes first.
                while count > 1, memory[count - 1] & 0xC0 == 0x80 { count -= 1 }
                count = max(0, count - 1)
            case 0..<0x20: continue
            default:
                count += 1
                guard count <= longest else {
                    end = .tooLong
                    return 0
                }
            }
        }
    }
}
