import DevPKI
import Glibc
import GnuTLS
import MTLSCore
import SecretMemory
import Testing

@testable import MTLSIdentity

/// Who waits for a loading, and what is said when time passes.
extension RotationTests {
    /// A source that loads when it is told to.
    private final class Gate: Sendable {
        let arrivals: AsyncStream<Void>
        private let arrived: AsyncStream<Void>.Continuation
        private let opened: AsyncStream<Void>
        private let opening: AsyncStream<Void>.Continuation

        init() {
            (arrivals, arrived) = AsyncStream.makeStream()
            (opened, opening) = AsyncStream.makeStream()
        }

        func pass() async {
            arrived.yield()
            for await _ in opened { break }
        }

        func open() { opening.yield() }
    }

    @Test func whoeverAsksAtOnceSharesOneLoading() async throws {
        let issued = try issue("alice")
        let (count, gate) = (Counter(), Gate())
        let source = RotatingIdentity(files: []) { _ in
            count.add()
            await gate.pass()
            return [try loaded(issued)]
        }
        let all = try await withThrowingTaskGroup { group in
            for _ in 0..<50 { group.addTask { try await source.candidates(for: anywhere) } }
            for await _ in gate.arrivals { break }
            gate.open()
            return try await group.reduce(into: []) { $0 += $1 }
        }
        #expect(all.count == 50)
        #expect(all.allSatisfy { $0 === all[0] })
        #expect(count.count == 1)
    }

    @Test func aLoadingThatHangsHoldsUpNobody() async throws {
        let (alice, bob) = (try issue("alice"), try issue("bob"))
        try write(alice)
        let gate = Gate()
        var pace = Self.eager
        pace.refresh.patience = .milliseconds(1)
        let source = RotatingIdentity(files: [certificate], pace: pace) { occasion in
            guard occasion == .changed else { return [try loaded(alice)] }
            await gate.pass()
            return [try loaded(bob)]
        }
        let identity = Identity(source)
        let old = try await shown(identity)
        try overwrite(certificate, bob.certificatePEM)
        #expect(try await shown(identity) === old)
        for await _ in gate.arrivals { break }
        #expect(try await shown(identity) === old)
        gate.open()
        while try await shown(identity) === old { await Task.yield() }
        #expect(identity.current.map(\.subject) == ["CN=bob"])
    }

    @Test func aDemandHasALoadingOfItsOwn() async throws {
        let (alice, bob) = (try issue("alice"), try issue("bob"))
        let (gate, loads) = (Gate(), Counter())
        let source = RotatingIdentity(files: []) { occasion in
            await gate.pass()
            loads.add()
            return [try loaded(occasion == .demanded ? bob : alice)]
        }
        async let first = source.candidates(for: anywhere)
        var arrivals = gate.arrivals.makeAsyncIterator()
        await arrivals.next()
        async let one: Void = source.reload()
        async let two: Void = source.reload()
        while source.demandCount < 2 { await Task.yield() }
        gate.open()
        #expect(try await first.map(\.subject) == ["CN=alice"])
        await arrivals.next()
        gate.open()
        _ = try await (one, two)
        #expect(source.current.map(\.subject) == ["CN=bob"])
        #expect(loads.count == 2)
    }

    // MARK: Dates

    @Test func theEndOfACertificateIsAnnouncedOnce() async throws {
        let (key, day, now) = (try PrivateKey.generate(.ecdsaP256), Int64(86400), Int64(time(nil)))
        var builder = CertificateBuilder(subject: [.commonName("alice")], publicKey: key.publicKey)
        for (left, said) in [(Int64(40), []), (20, ["expiring 20"]), (-1, ["expired"])] as [(Int64, [String])] {
            (builder.notBefore, builder.notAfter) = (now - 100 * day, now + left * day + 3600)
            let pem = try builder.sign(issuer: nil, key: key).pemEncoded
            let events = Events()
            let identity = Identity.pem(
                certificate: pem, key: try key.pemEncoded(passphrase: nil).withUnsafeBytes { Array($0) }
            ).observed { events.add($0) }
            for _ in 0..<3 { #expect(try await shown(identity).notAfter == builder.notAfter) }
            #expect(events.texts == said)
        }
    }
}

private func loaded(_ issued: IssuedIdentity) throws -> ClientIdentity {
    ClientIdentity(
        certifiedKey: try CertifiedKey(chain: issued.chain, key: .software(issued.privateKey)), source: "test",
        isInToken: false)
}
