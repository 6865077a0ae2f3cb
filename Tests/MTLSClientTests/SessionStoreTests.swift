import DevPKI
import MTLSClient
import NIOPosix
import SecretMemory
import Testing

@testable import GnuTLS
@testable import MTLSClient

@Suite struct SessionStoreTests {
    private struct Refused: Error {}
    private struct Broken: Error {}

    private let store = SessionStore(.on())
    private let candidates: [ClientIdentity]
    private let place = SessionStore.Place(endpoint: Endpoint("localhost", 443), isLimited: false)

    init() async throws {
        candidates = try await World().identity("alice").candidates(for: Endpoint("localhost", 443))
    }

    private func begin() async throws -> ResumptionAttempt {
        try await store.begin(at: place, candidates, loop: MultiThreadedEventLoopGroup.singleton.next())
    }

    private func session(_ number: UInt8) -> ResumableSession {
        var bytes = [number]
        return ResumableSession(
            state: SecretBytes(wiping: &bytes), version: .v1_3, peerChain: [[number]],
            shown: candidates.first?.certifiedKey, lifetime: .seconds(60))
    }

    /// What an attempt offers before it fails.
    private func offer(
        of attempt: ResumptionAttempt, judge: @escaping TLSConnector.Judge = { _, _ in .success(()) }
    ) async -> ResumableSession? {
        var offered: ResumableSession?
        let loop = MultiThreadedEventLoopGroup.singleton.next()
        _ = try? await attempt.run(judge: judge, known: KnownCertificates(), loop: loop) { attempt in
            offered = attempt.offer()
            throw Broken()
        }
        return offered
    }

    @Test func aSessionWhoseChainIsRefusedNowIsWipedWithAllOthersAndNotOffered() async throws {
        let giver = try await begin()
        for number: UInt8 in 1...2 { giver.observe(.given(session(number))) }
        #expect(await offer(of: try begin()) { chain, _ in .failure(Refused()) } == nil)
        #expect(await offer(of: try begin()) == nil)
    }

    @Test func aVerdictThatTakesItsTimeIsAwaited() async throws {
        try await begin().observe(.given(session(1)))
        let offered = await offer(of: try begin()) { chain, later in
            let isRight = chain.der == [[1]]
            Task.detached { later(isRight ? .success(()) : .failure(Refused())) }
            return nil
        }
        #expect(offered?.peerChain == [[1]])
    }

    @Test func whatWasOfferedOnceIsNotOfferedAgain() async throws {
        try await begin().observe(.given(session(1)))
        #expect(await offer(of: try begin()) != nil)
        #expect(await offer(of: try begin()) == nil)
    }

    @Test func aSessionThatShowedNobodyIsNotKeptForAnIdentity() async throws {
        let anonymous = ResumableSession(
            state: session(1).state, version: .v1_3, peerChain: [], shown: nil, lifetime: nil)
        try await begin().observe(.given(anonymous))
        #expect(await offer(of: try begin()) == nil)
    }

    @Test func aSessionThatShowedSomebodyIsNotKeptForNobody() async throws {
        let loop = MultiThreadedEventLoopGroup.singleton.next()
        let nobody = try await store.begin(at: place, [], loop: loop)
        nobody.observe(.given(session(1)))
        #expect(await offer(of: try store.begin(at: place, [], loop: loop)) == nil)
    }
}
