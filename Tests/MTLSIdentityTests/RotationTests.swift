import DevPKI
import Glibc
import GnuTLS
import MTLSCore
import SecretMemory
import Synchronization
import Testing

@testable import MTLSIdentity

/// Files that are replaced while an identity is in use.
@Suite(.timeLimit(.minutes(15))) struct RotationTests {
    let authority: CertificateAuthority
    let scratch: Scratch
    let events = Events()

    init() throws {
        authority = try CertificateAuthority(commonName: "Test Root")
        scratch = try Scratch()
    }

    /// What was said.
    final class Events: Sendable {
        private let list = Mutex<[IdentityEvent]>([])
        func add(_ event: IdentityEvent) { list.withLock { $0.append(event) } }

        /// `reloaded alice bob`, `failed` with the code.
        var texts: [String] {
            list.withLock { $0 }.compactMap { event in
                switch event {
                case .reloaded(let old, let new):
                    "reloaded " + (old + new).map { String($0.subject.dropFirst(3)) }.joined(separator: " ")
                case .reloadFailed(let error): "failed \(error.code)"
                case .expiring(_, let days): "expiring \(days)"
                case .expired: "expired"
                }
            }
        }
    }

    var certificate: String { scratch.path + "/client.pem" }
    var key: String { scratch.path + "/client-key.pem" }

    /// Looks at its files whenever somebody asks.
    static var eager: RotatingIdentity.Pace {
        var pace = RotatingIdentity.Pace()
        pace.refresh.interval = .zero
        pace.refresh.patience = .seconds(60)
        return pace
    }

    /// The identity of the two files.
    func identity(
        passphrase: SecretSource? = nil, pace: RotatingIdentity.Pace = eager
    ) -> Identity {
        Identity(
            PEMIdentity(
                certificates: [.file(certificate)], key: .file(key), passphrase: passphrase, policy: .ignore
            ).rotating(pace: pace)
        ).observed { [events] in events.add($0) }
    }

    func issue(_ name: String) throws -> IssuedIdentity { try authority.issueClient(commonName: name) }

    func shown(_ identity: Identity) async throws -> ClientIdentity {
        try #require(try await identity.candidates(for: anywhere).first)
    }

    /// Writes over what is there, or makes the file.
    func overwrite(_ path: String, _ bytes: [UInt8]) throws {
        let file = try #require(fopen(path, "we"))
        defer { fclose(file) }
        #expect(fwrite(bytes, 1, bytes.count, file) == bytes.count)
    }

    func write(_ issued: IssuedIdentity) throws {
        try overwrite(certificate, issued.certificatePEM)
        try overwrite(key, issued.key())
    }

    @Test(arguments: [true, false])
    func aPairIsShownWhenItIsWholeAndTheOldOneUntilThen(certificateFirst: Bool) async throws {
        try write(issue("alice"))
        let (identity, new) = (identity(), try issue("bob"))
        let old = try await shown(identity)
        if certificateFirst { try overwrite(certificate, new.certificatePEM) } else { try overwrite(key, new.key()) }
        #expect(try await shown(identity) === old)
        #expect(try await shown(identity) === old)
        #expect(events.texts == ["failed identity.keyMismatch"])
        #expect(old.isCurrent)

        if certificateFirst { try overwrite(key, new.key()) } else { try overwrite(certificate, new.certificatePEM) }
        let now = try await shown(identity)
        #expect(now.chain == new.chain)
        #expect(now.isCurrent && !old.isCurrent)
        #expect(events.texts == ["failed identity.keyMismatch", "reloaded alice bob"])
        #expect(identity.current.map(\.subject) == ["CN=bob"])
    }

    @Test func filesThatAreRenamedIntoPlaceAreFound() async throws {
        try write(issue("alice"))
        let (identity, new) = (identity(), try issue("bob"))
        _ = try await shown(identity)
        for (path, bytes) in [(certificate, new.certificatePEM), (key, try new.key())] {
            try overwrite(path + ".new", bytes)
            #expect(rename(path + ".new", path) == 0)
        }
        #expect(try await shown(identity).subject == "CN=bob")
    }

    /// As Kubernetes does: the files are links through `..data`, a link to a directory, which is turned at once.
    @Test func aLinkThatIsTurnedIsFound() async throws {
        let directories = ["..1", "..2"].map { scratch.path + "/" + $0 }
        for (directory, name) in zip(directories, ["alice", "bob"]) {
            #expect(mkdir(directory, 0o700) == 0)
            _ = try issue(name).write(to: directory, name: "client")
        }
        func turn(_ target: String) {
            #expect(symlink(target, scratch.path + "/..tmp") == 0)
            #expect(rename(scratch.path + "/..tmp", scratch.path + "/..data") == 0)
        }
        turn("..1")
        #expect(symlink("..data/client.pem", certificate) == 0)
        #expect(symlink("..data/client-key.pem", key) == 0)
        let identity = identity()
        #expect(try await shown(identity).subject == "CN=alice")
        turn("..2")
        #expect(try await shown(identity).subject == "CN=bob")
        #expect(events.texts == ["reloaded alice bob"])
        for directory in directories {
            for name in ["client.pem", "client-key.pem"] { unlink("\(directory)/\(name)") }
        }
    }

    /// A file system's clock ticks more slowly than a program writes.
    @Test func aChangeWithinOneTickOfTheClockIsFound() throws {
        let files = WatchedFiles(paths: [key])
        try overwrite(key, [1])
        var seen = files.snapshot()
        #expect(seen.isYoung)
        try overwrite(key, [2])
        seen.stamps = files.snapshot().stamps
        guard case .changed = files.look(since: seen) else {
            Issue.record("it was not found")
            return
        }
        // What has been there for longer is not read.
        seen.isYoung = false
        guard case .same = files.look(since: seen) else {
            Issue.record("it was read")
            return
        }
    }

    @Test(arguments: ["certificate", "key"], ["half", "empty", "missing", "noise", "directory"])
    func whatIsNotWholeKeepsTheOldOne(which: String, fault: String) async throws {
        try write(issue("alice"))
        let (identity, new) = (identity(), try issue("bob"))
        let old = try await shown(identity)
        let (path, other) = which == "key" ? (key, certificate) : (certificate, key)
        let bytes = which == "key" ? try new.key() : new.certificatePEM
        try overwrite(other, which == "key" ? new.certificatePEM : new.key())
        #expect(remove(path) == 0)
        switch fault {
        case "half": try overwrite(path, Array(bytes.prefix(bytes.count / 2)))
        case "empty": try overwrite(path, [])
        case "noise": try overwrite(path, Array(repeating: 0xFF, count: bytes.count))
        case "directory": #expect(mkdir(path, 0o700) == 0)
        default: break
        }
        #expect(try await shown(identity) === old)
        #expect(events.texts.count == 1 && events.texts.first?.hasPrefix("failed identity.") == true)

        if fault != "missing" { #expect(remove(path) == 0) }
        try overwrite(path, bytes)
        #expect(try await shown(identity).subject == "CN=bob")
    }

    @Test func whatIsTheSameStaysTheSameAndNobodyIsAskedForItsPassphrase() async throws {
        let issued = try issue("alice")
        try overwrite(certificate, issued.certificatePEM)
        let encrypted = try issued.key(passphrase: "open sesame")
        try overwrite(key, encrypted)
        let asked = Counter()
        let identity = identity(
            passphrase: .closure { _ in
                asked.add()
                return secret("open sesame")
            })
        let old = try await shown(identity)
        try overwrite(key, encrypted)
        #expect(try await shown(identity) === old)
        #expect(asked.count == 1)

        // Another encryption of the same key.
        try overwrite(key, issued.key(passphrase: "open sesame"))
        #expect(try await shown(identity) === old)
        #expect(asked.count == 2)
        #expect(old.isCurrent)
        #expect(events.texts.isEmpty)
    }

    @Test func aFaultThatIsTakenBackLeavesTheOldOne() async throws {
        let issued = try issue("alice")
        try write(issued)
        let identity = identity()
        let old = try await shown(identity)
        try overwrite(key, try issue("bob").key())
        _ = try await shown(identity)
        try overwrite(key, try issued.key())
        #expect(try await shown(identity) === old)
        #expect(old.isCurrent)
        #expect(events.texts == ["failed identity.keyMismatch"])
    }

    @Test func aPipeIsReadOnce() async throws {
        let issued = try issue("alice")
        try overwrite(certificate, issued.certificatePEM)
        let (pipe, bytes) = (try scratch.fifo("client-key.pem"), try issued.key())
        BlockingWork.spawn {
            let file = fopen(pipe, "we")
            fwrite(bytes, 1, bytes.count, file)
            if let file { fclose(file) }
        }
        // The writer may come later than the reader.
        let identity = identity()
        var loaded: ClientIdentity?
        while loaded == nil { loaded = try? await shown(identity) }
        try overwrite(certificate, issue("bob").certificatePEM)
        #expect(try await shown(identity) === loaded)
        #expect(events.texts.isEmpty)
    }

    @Test func reloadThrowsWhatIsWrongAndKeepsTheOldOne() async throws {
        try write(issue("alice"))
        let (identity, new) = (identity(pace: .withoutFiles), try issue("bob"))
        let old = try await shown(identity)
        try overwrite(certificate, new.certificatePEM)
        let error = await #expect(throws: MTLSError.self) { try await identity.reload() }
        #expect(error?.code == .keyMismatch)
        #expect(try await shown(identity) === old)
        try overwrite(key, new.key())
        #expect(try await shown(identity) === old)
        try await identity.reload()
        #expect(try await shown(identity).subject == "CN=bob")
        #expect(!old.isCurrent)
        #expect(events.texts == ["failed identity.keyMismatch", "reloaded alice bob"])
    }

    @Test func reloadIsPassedOnByRulesAndChoices() async throws {
        try write(issue("alice"))
        let identity = Identity.anyOf([.perHost(["api.example": identity(pace: .withoutFiles)])])
        #expect(try await shown(identity).subject == "CN=alice")
        try write(issue("bob"))
        try await identity.reload()
        #expect(try await shown(identity).subject == "CN=bob")
        #expect(identity.current.map(\.subject) == ["CN=bob"])
    }

    @Test func changesAreFoundWhenNobodyAsks() async throws {
        try write(issue("alice"))
        var pace = RotatingIdentity.Pace()
        pace.refresh.interval = .zero
        pace.watch = .milliseconds(5)
        let (stream, continuation) = AsyncStream<IdentityEvent>.makeStream()
        let identity = identity(pace: pace).observed { continuation.yield($0) }
        _ = try await shown(identity)
        let new = try issue("bob")
        for (path, bytes) in [(certificate, new.certificatePEM), (key, try new.key())] {
            try overwrite(path + ".new", bytes)
            #expect(rename(path + ".new", path) == 0)
        }
        for await event in stream {
            if case .reloaded(_, let new) = event {
                #expect(new.map(\.subject) == ["CN=bob"])
                break
            }
        }
    }

    @Test func nothingIsKeptOfAnIdentityThatIsGone() async throws {
        try write(issue("alice"))
        weak var source: RotatingIdentity?
        weak var loaded: ClientIdentity?
        do {
            let made = PEMIdentity(
                certificates: [.file(certificate)], key: .file(key), passphrase: nil, policy: .ignore
            ).rotating()
            let identity = Identity(made).observed { _ in }
            (source, loaded) = (made, try await shown(identity))
        }
        // The task that loaded it may be about to end.
        for _ in 0..<10_000 where source != nil || loaded != nil { await Task.yield() }
        #expect(source == nil)
        #expect(loaded == nil)
    }
}
