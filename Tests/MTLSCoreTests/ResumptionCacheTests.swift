import MTLSCore
import Testing

@Suite final class ResumptionCacheTests {
    private typealias Cache = ResumptionCache<String, String, Int>

    private var cache = Cache(placeLimit: 3, sessionLimit: 4, maximumAge: .seconds(100))

    private static func time(_ seconds: Int64) -> Deadline { Deadline(nanoseconds: seconds * 1_000_000_000) }
    private static let start = time(0)

    private func put(
        _ session: Int, _ generation: Int, at place: String = "a", lifetime: Duration? = nil, isReusable: Bool = false,
        limit: Deadline? = nil, now: Deadline = start
    ) -> Bool {
        cache.put(
            session, place, generation, lifetime: lifetime, isReusable: isReusable, limit: limit, now: now)
    }

    private func take(_ generation: Int, at place: String = "a", now: Deadline = start) -> Int? {
        cache.take(place, generation, now: now)?.session
    }

    private func enter(_ place: String = "a", _ stamp: String = "alice", now: Deadline = start) -> Int {
        cache.enter(place, stamp, now: now)
    }

    @Test func aSessionIsHandedOutOnceAndTheNewestFirst() {
        let generation = enter()
        for session in 1...3 { _ = put(session, generation) }
        #expect((1...4).map { _ in take(generation) } == [3, 2, 1, nil])
    }

    @Test func aReusableSessionIsHandedOutAgainUntilANewerOneComes() {
        let generation = enter()
        _ = put(1, generation, isReusable: true)
        #expect([take(generation), take(generation)] == [1, 1])
        _ = put(2, generation, isReusable: true)
        #expect([take(generation), take(generation)] == [2, 2])
        cache.remove("a", generation) { $0 == 2 }
        #expect(take(generation) == nil)
    }

    @Test func aSessionLivesAsLongAsItsServerSaysAndAsThePolicyAllows() {
        let generation = enter()
        _ = put(1, generation, lifetime: .seconds(1000))
        #expect(take(generation, now: Self.time(100)) == nil)
        _ = put(2, generation, lifetime: .seconds(10))
        #expect(take(generation, now: Self.time(10)) == nil)
        _ = put(3, generation, lifetime: .seconds(10))
        #expect(take(generation, now: Self.time(9)) == 3)
        #expect(!put(4, generation, lifetime: .zero))
    }

    /// A server that gives a session with each resumption would else never see another signature.
    @Test func whatComesOfAResumptionIsKeptNoLongerThanWhatWasResumed() throws {
        let generation = enter()
        _ = put(1, generation)
        for (session, now) in zip(2..., [40, 80, 99].map(Self.time)) {
            let taken = cache.take("a", generation, now: now)
            let limit = try #require(taken).limit
            #expect(put(session, generation, lifetime: .seconds(50), limit: limit, now: now))
        }
        #expect(take(generation, now: Self.time(100)) == nil)
        #expect(!put(5, generation, limit: Self.time(100), now: Self.time(100)))
    }

    @Test func aPlaceIsProvenFromAResumptionUntilSomethingIsDeclinedOrWiped() {
        let generation = enter()
        func isProven() -> Bool? {
            _ = put(1, generation, isReusable: true)
            return cache.take("a", generation, now: Self.start)?.isProven
        }
        #expect(isProven() == false)
        cache.prove("a", generation)
        #expect(isProven() == true)
        cache.remove("a", generation) { _ in false }
        #expect(isProven() == false)
        cache.prove("a", generation)
        cache.wipe("a", generation)
        let next = enter()
        _ = put(2, next)
        #expect(cache.take("a", next, now: Self.start)?.isProven == false)
    }

    @Test func sessionsThatHaveExpiredAreWipedWheneverSomebodyEntersAnywhere() {
        let generation = enter()
        _ = put(1, generation, lifetime: .seconds(10))
        #expect(cache.count == 1)
        _ = enter("b", now: Self.time(10))
        #expect(cache.count == 0)
    }

    @Test func anotherIdentityOrEpochWipesWhatIsThere() {
        let alice = enter()
        _ = put(1, alice)
        let bob = enter("a", "bob")
        #expect(cache.count == 0)
        #expect(take(alice) == nil)
        #expect(take(bob) == nil)
    }

    @Test func whatAConnectionOfAnEarlierGenerationBringsIsNotKept() {
        let alice = enter()
        _ = enter("a", "bob")
        #expect(!put(1, alice))
        let again = enter()
        #expect(again != alice)
        #expect(!put(1, alice))
        #expect(put(2, again))
    }

    @Test func aWipingEndsTheGeneration() {
        let generation = enter()
        _ = put(1, generation)
        cache.wipe("a", generation)
        #expect(cache.count == 0)
        #expect(!put(2, generation))
        let next = enter()
        #expect(put(3, next))
        // Another connection's late complaint is about what is gone.
        cache.wipe("a", generation)
        #expect(take(next) == 3)
    }

    @Test func aChangeOfEpochDuringAHandshakeIsAdopted() throws {
        let before = enter("a", "alice 0")
        _ = put(1, before)
        let adopted = cache.adopt("a", "alice 1", from: before)
        let after = try #require(adopted)
        #expect(take(after) == nil)
        #expect(put(2, after))
        #expect(cache.adopt("a", "alice 1", from: before) == after)
        // A connection of an identity that was replaced meanwhile adopts nothing.
        _ = enter("a", "bob")
        #expect(cache.adopt("a", "alice 2", from: after) == nil)
    }

    @Test func whatWasNotUsedIsPutBackWithItsAge() throws {
        let generation = enter()
        _ = put(1, generation, lifetime: .seconds(10))
        let taken = cache.take("a", generation, now: Self.time(5))
        let entry = try #require(taken)
        cache.putBack(entry, "a", generation)
        #expect(take(generation, now: Self.time(10)) == nil)
    }

    @Test func thePlacesShareNothing() {
        let (a, b) = (enter("a"), enter("b"))
        _ = put(1, a, at: "a")
        #expect(take(b, at: "b") == nil)
        #expect(take(a, at: "b") == nil)
        #expect(take(b, at: "a") == nil)
        #expect(take(a, at: "a") == 1)
    }

    @Test func theOldestSessionAndTheLeastRecentlyUsedPlaceGoFirst() {
        let generations = ["a", "b", "c"].map { enter($0) }
        for session in 1...5 { _ = put(session, generations[0], at: "a") }
        _ = put(6, generations[1], at: "b")
        #expect(cache.count == 5)
        _ = enter("a")
        _ = enter("c")
        _ = enter("d")
        #expect(cache.count == 4)
        #expect((1...5).map { _ in take(generations[0], at: "a") } == [5, 4, 3, 2, nil])
    }
}
