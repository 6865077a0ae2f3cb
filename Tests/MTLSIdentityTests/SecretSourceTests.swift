import Glibc
import MTLSCore
import SecretMemory
import Testing

@testable import MTLSIdentity

/// Secrets from files, variables and closures.
@Suite(.timeLimit(.minutes(15))) struct SecretSourceTests {
    private let scratch: Scratch
    private let request = SecretSource.Request(subject: "token \"t\"", name: "PIN")

    init() throws { scratch = try Scratch() }

    private func read(_ source: SecretSource) throws -> String? { text(try source.readBlocking(request)) }

    private func failure(_ source: SecretSource) -> MTLSError? {
        #expect(throws: MTLSError.self) { try source.readBlocking(request) }
    }

    @Test(arguments: [
        ("1234", "1234"), ("1234\n", "1234"), ("1234\r\n", "1234"), ("1234\n\n", "1234\n"), (" 12 34 ", " 12 34 "),
        ("1234\r", "1234"), ("\n1234", "\n1234"), ("pässwörd\n", "pässwörd"),
    ])
    func aFileIsReadLessOneLineBreakAtItsEnd(contents: String, secret: String) throws {
        #expect(try read(.file(scratch.file("pin", Array(contents.utf8)))) == secret)
    }

    @Test(arguments: ["", "\n", "\r\n"])
    func aFileWithoutASecretIsAnError(contents: String) throws {
        let path = try scratch.file("pin", Array(contents.utf8))
        let error = failure(.file(path))
        #expect(error?.code == .identityFileUnreadable)
        #expect(error?.message.contains("the PIN file \"\(path)\"") == true)
    }

    @Test(arguments: ["", "\n", "\r\n"])
    func aFileMayHold256Bytes(end: String) throws {
        let longest = String(repeating: "x", count: 256)
        #expect(try read(.file(scratch.file("pin", Array((longest + end).utf8)))) == longest)
    }

    @Test(arguments: ["x", "x\n", "\r\nx", "\nx", "\r\n\r\n", "\n\n"])
    func aLongerFileIsRefusedAndNotCut(more: String) throws {
        let path = try scratch.file("pin", Array((String(repeating: "x", count: 256) + more).utf8))
        let error = failure(.file(path))
        #expect(error?.code == .identityFileUnreadable)
        #expect(error?.message.contains("256") == true)
        #expect(error?.description.contains("xxxx") == false)
    }

    @Test func whatIsNoFileIsNamed() throws {
        let fifo = try scratch.fifo("fifo")
        for (path, reason) in [
            (scratch.path, "directory"), (scratch.path + "/none", "No such file"), ("/dev/zero", "256"), (fifo, fifo),
        ] {
            let error = failure(.file(path))
            #expect(error?.code == .identityFileUnreadable)
            #expect(error?.message.contains(reason) == true, "\(error as Any)")
        }
    }

    @Test func aPipeIsWaitedFor() async throws {
        var ends: [Int32] = [0, 0]
        try #require(pipe(&ends) == 0)
        let (readEnd, writeEnd) = (ends[0], ends[1])
        defer { close(readEnd) }
        async let secret = SecretSource.file("/dev/fd/\(readEnd)").read(request)
        // As a shell's <(command) does: nothing yet, then the secret in two pieces.
        let writer = Task.detached {
            for piece in ["12", "34\n"] {
                await Task.yield()
                #expect(write(writeEnd, piece, piece.utf8.count) == piece.utf8.count)
            }
            close(writeEnd)
        }
        #expect(text(try await secret) == "1234")
        await writer.value
    }

    @Test func descriptorsAreClosed() throws {
        let path = try scratch.file("pin", Array("1234".utf8))
        func descriptor() -> Int32 {
            let file = open("/dev/null", O_RDONLY | O_CLOEXEC)
            close(file)
            return file
        }
        for _ in 0..<300 {
            _ = try read(.file(path))
            _ = failure(.file(scratch.path))
        }
        // Other tests open files meanwhile, but not hundreds.
        #expect(descriptor() < 300)
    }

    @Test func aVariableIsReadAtEachQuestion() throws {
        let name = "MTLS_SECRET_TEST_\(UInt32.random(in: 0 ... .max))"
        setenv(name, "1234", 1)
        #expect(try read(.environment(name)) == "1234")
        setenv(name, "5678", 1)
        #expect(try read(.environment(name)) == "5678")
    }

    @Test func anEmptyOrMissingVariableIsNamedAndNeverAnEmptyPIN() throws {
        let name = "MTLS_SECRET_TEST_\(UInt32.random(in: 0 ... .max))"
        #expect(failure(.environment(name))?.code == .pinMissing)
        #expect(failure(.environment(name))?.message.contains(name) == true)
        setenv(name, "", 1)
        #expect(failure(.environment(name))?.code == .pinMissing)
        let passphrase = SecretSource.Request(subject: "x", name: "passphrase")
        let error = #expect(throws: MTLSError.self) { try SecretSource.environment(name).readBlocking(passphrase) }
        #expect(error?.code == .passphraseMissing)
    }

    @Test func aClosureIsHandedTheQuestion() async throws {
        let source = SecretSource.closure { request in secret("\(request.subject) \(request.name)") }
        #expect(text(try await source.read(request)) == "token \"t\" PIN")
        let blocking = try await BlockingWork.run { try source.readBlocking(.init(subject: "a", name: "b")) }
        #expect(text(blocking) == "a b")
    }

    @Test func whatAClosureThrowsIsThrown() async throws {
        struct Refusal: Error {}
        let source = SecretSource.closure { _ in throw Refusal() }
        await #expect(throws: Refusal.self) { try await source.read(request) }
        await #expect(throws: Refusal.self) {
            try await BlockingWork.run { try source.readBlocking(.init(subject: "a", name: "b")) }
        }
    }

    @Test func onlyAPromptIsVouchedFor() {
        #expect(SecretSource.prompt.isInteractive)
        #expect(!SecretSource.file("x").isInteractive)
        #expect(!SecretSource.environment("x").isInteractive)
        #expect(!SecretSource.closure { _ in nil }.isInteractive)
    }
}
