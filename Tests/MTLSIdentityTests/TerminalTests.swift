import Glibc
import MTLSCore
import SecretMemory
import Testing

@testable import MTLSIdentity

/// A pseudo-terminal, with a person at its other end.
private final class Person: Sendable {
    private let master: Int32
    private let terminal: Int32
    let path: String

    init() throws {
        master = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC)
        var (unlocked, number) = (Int32(0), Int32(-1))
        try #require(ioctl(master, 0x4004_5431 /* TIOCSPTLCK */, &unlocked) == 0)
        try #require(ioctl(master, 0x8004_5430 /* TIOCGPTN */, &number) == 0)
        path = "/dev/pts/\(number)"
        terminal = open(path, O_RDWR | O_NOCTTY | O_CLOEXEC)
        try #require(terminal >= 0)
    }

    deinit {
        close(terminal)
        close(master)
    }

    var settings: termios {
        var settings = termios()
        tcgetattr(terminal, &settings)
        return settings
    }

    /// Reads what the terminal shows until it ends in `end`.
    func read(until end: String) -> String {
        var shown: [UInt8] = []
        while !shown.suffix(end.utf8.count).elementsEqual(end.utf8) {
            var byte: UInt8 = 0
            guard Glibc.read(master, &byte, 1) == 1 else { break }
            shown.append(byte)
        }
        return String(decoding: shown, as: UTF8.self)
    }

    func type(_ keys: String) {
        #expect(write(master, keys, keys.utf8.count) == keys.utf8.count)
    }
}

/// Questions on a terminal.
@Suite(.timeLimit(.minutes(15))) struct TerminalTests {
    private let request = SecretSource.Request(subject: "token \"t\"", name: "PIN")

    /// Types `keys` at the prompt. Returns the answer, nil for Ctrl-C, and what was shown after the prompt.
    private func answer(_ keys: String, isFinalTry: Bool = false) async throws -> (answer: String?, shown: String) {
        let person = try Person()
        let before = person.settings
        let request = SecretSource.Request(subject: "token \"t\"\u{1B}[2J", name: "PIN", isFinalTry: isFinalTry)
        async let answer = BlockingWork.run { try Terminal.ask(request, on: person.path) }
        let shown = try await BlockingWork.run {
            let prompt = person.read(until: "PIN\(isFinalTry ? " (last try: a wrong one locks it)" : ""): ")
            #expect(prompt.hasPrefix("token \"t\"\\u{1b}[2J: PIN"))
            #expect(person.settings.c_lflag & tcflag_t(ECHO) == 0)
            person.type(keys)
            return person.read(until: "\n")
        }
        defer {
            let after = person.settings
            #expect(after.c_lflag == before.c_lflag)
            #expect(after.c_iflag == before.c_iflag)
            #expect(withUnsafeBytes(of: after.c_cc, Array.init) == withUnsafeBytes(of: before.c_cc, Array.init))
        }
        guard case .secret(let secret) = try await answer else { return (nil, shown) }
        return (text(secret), shown)
    }

    @Test(arguments: [
        ("1234\r", "1234"), ("1234\n", "1234"), ("1234\u{4}", "1234"), ("12 34\r", "12 34"), ("\r", ""),
        ("1294\u{7F}\u{7F}34\r", "1234"), ("\u{8}\u{8}1234\r", "1234"), ("wrong\u{15}1234\r", "1234"),
        ("paß\u{7F}ssé\r", "passé"), ("12\u{1A}\u{1C}\t34\r", "1234"),
    ])
    func aLineIsReadWithoutEcho(keys: String, expected: String) async throws {
        let (answer, shown) = try await answer(keys)
        #expect(answer == expected)
        #expect(shown == "\r\n")
    }

    @Test func controlCIsAnInterruption() async throws {
        let (answer, shown) = try await answer("12\u{3}")
        #expect(answer == nil)
        #expect(shown == "\r\n")
    }

    @Test func theFinalTryIsAnnounced() async throws {
        #expect(try await answer("1234\r", isFinalTry: true).answer == "1234")
    }

    @Test func questionsAreAskedOneAfterTheOther() async throws {
        let person = try Person()
        let before = person.settings
        let answers = try await withThrowingTaskGroup(of: String?.self) { group in
            for _ in 0..<3 {
                group.addTask {
                    let request = SecretSource.Request(subject: "t", name: "PIN")
                    guard
                        case .secret(let secret) = try await BlockingWork.run({
                            try Terminal.ask(request, on: person.path)
                        })
                    else { return nil }
                    return text(secret)
                }
            }
            try await BlockingWork.run {
                for number in 1...3 {
                    #expect(person.read(until: "t: PIN: ").split(separator: "t: PIN: ").count <= 1)
                    person.type("answer \(number)\r")
                }
            }
            return try await group.reduce(into: Set<String?>()) { $0.insert($1) }
        }
        #expect(answers == ["answer 1", "answer 2", "answer 3"])
        #expect(person.settings.c_lflag == before.c_lflag)
    }

    @Test func anAnswerThatIsTooLongIsRefusedAndNotCut() async throws {
        #expect(try await answer(String(repeating: "x", count: 256) + "\r").answer?.count == 256)
        let error = await #expect(throws: MTLSError.self) {
            try await answer(String(repeating: "x", count: 257) + "\r")
        }
        #expect(error?.code == .pinMissing)
        #expect(error?.message.contains("xx") == false)
    }

    @Test func withoutATerminalItSaysSo() throws {
        for path in ["/nonexistent/tty", "/dev/null"] {
            let error = #expect(throws: MTLSError.self) { try Terminal.ask(request, on: path) }
            #expect(error?.code == .pinMissing)
            #expect(error?.message.contains("terminal") == true)
            #expect(error?.advice != nil)
        }
        let passphrase = SecretSource.Request(subject: "x", name: "passphrase")
        let error = #expect(throws: MTLSError.self) { try Terminal.ask(passphrase, on: "/nonexistent/tty") }
        #expect(error?.code == .passphraseMissing)
    }
}
