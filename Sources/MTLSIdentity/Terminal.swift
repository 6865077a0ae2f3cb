import Glibc
import MTLSCore
import SecretMemory

/// The process's terminal.
enum Terminal {
    /// Asks for a secret with the echo off.
    ///
    /// The terminal is put back as it was in every case: while it asks, Ctrl-C is a character like any other, and the
    /// signal is raised afterwards.
    ///
    /// - Returns: nil when the answer is empty.
    static func ask(_ request: SecretSource.Request) throws -> SecretBytes? {
        let terminal = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY)
        guard terminal >= 0 else {
            throw MTLSError(
                .pinMissing, phase: .identity, fault: .caller,
                "the \(request.name) of \(request.subject) cannot be asked for: there is no terminal",
                advice: "give it by a file or an environment variable")
        }
        defer { _ = Glibc.close(terminal) }
        let warning = request.isFinalTry ? " (last try: a wrong one locks it)" : ""
        write("\(Printable.escape(request.subject)): \(request.name)\(warning): ", to: terminal)

        var settings = termios()
        tcgetattr(terminal, &settings)
        var silent = settings
        silent.c_lflag &= ~tcflag_t(ECHO | ICANON | ISIG)
        tcsetattr(terminal, TCSAFLUSH, &silent)
        var interrupted = false
        let secret = SecretBytes(capacity: 256) { memory in
            readLine(from: terminal, into: memory, interrupted: &interrupted)
        }
        tcsetattr(terminal, TCSAFLUSH, &settings)
        write("\n", to: terminal)
        if interrupted { kill(getpid(), SIGINT) }
        return interrupted || secret.count == 0 ? nil : secret
    }

    private static func write(_ text: String, to terminal: Int32) {
        let bytes = Array(text.utf8)
        _ = Glibc.write(terminal, bytes, bytes.count)
    }

    private static func readLine(
        from terminal: Int32, into memory: UnsafeMutableRawBufferPointer, interrupted: inout Bool
    ) -> Int {
        var count = 0
        var byte: UInt8 = 0
        defer { byte = 0 }
        while true {
            let result = Glibc.read(terminal, &byte, 1)
            if result < 0 && errno == EINTR { continue }
            guard result == 1 else { return count }
            switch byte {
            case UInt8(ascii: "\n"), UInt8(ascii: "\r"), 0x04: return count
            case 0x03:
                interrupted = true
                return 0
            case 0x15: count = 0
            case 0x08, 0x7F: count = max(0, count - 1)
            default:
                guard count < memory.count else { continue }
                memory[count] = byte
                count += 1
            }
        }
    }
}
