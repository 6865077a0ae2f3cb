import Glibc
import MTLSClient

/// What is said on standard error.
struct Console {
    var isSilent = false
    var showsErrors = false

    func error(_ code: Int32, _ message: String) {
        if !isSilent || showsErrors { Self.say("mtls: (\(code)) \(Printable.escape(message))") }
    }

    func warn(_ message: String) {
        if !isSilent { Self.say("mtls: warning: \(Printable.escape(message))") }
    }

    /// Writes lines in one piece, as they are. Where there is nobody to read, nothing is lost.
    static func say(_ lines: String...) { say(lines) }

    static func say(_ lines: [String]) { write(lines.map { "\($0)\n" }.joined(), to: STDERR_FILENO) }

    static func write(_ text: String, to descriptor: Int32) {
        Array(text.utf8).withUnsafeBytes { try? Files.write($0, to: descriptor, "") }
    }
}
