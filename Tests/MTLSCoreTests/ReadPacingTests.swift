import Testing

@testable import MTLSCore

/// How much a socket is to have before it wakes its reader.
@Suite struct ReadPacingTests {
    private static let most = 1 << 17

    /// The marks after reads of so many bytes, of a body with `rest` to come in the end.
    private func marks(_ reads: [Int], rest: Int = 1 << 30) -> [Int] {
        var pacing = ReadPacing()
        var expected = rest + reads.reduce(0, +)
        return reads.map { count in
            expected -= count
            pacing.came(count)
            _ = pacing.readEnded(expecting: expected)
            return pacing.mark
        }
    }

    @Test func moreIsAwaitedOnceFourReadsInARowWereLong() {
        #expect(marks([50_000, 50_000, 50_000, 50_000, 131_072]) == [1, 1, 1, Self.most, Self.most])
    }

    @Test func aShortReadBeginsTheCountAnew() {
        #expect(
            marks([50_000, 50_000, 50_000, 1000, 50_000, 50_000, 50_000, 50_000, 1000]) == [
                1, 1, 1, 1, 1, 1, 1, Self.most, 1,
            ])
    }

    @Test func aReadThatComesInPiecesIsOne() {
        var pacing = ReadPacing()
        for _ in 0..<4 {
            for _ in 0..<4 { pacing.came(16_384) }
            _ = pacing.readEnded(expecting: 1 << 30)
        }
        #expect(pacing.mark == Self.most)
    }

    @Test func noMoreIsAwaitedThanIsSureToCome() {
        let records = 2 << 14
        #expect(marks([50_000, 50_000, 50_000, 50_000], rest: Self.most + records).last == Self.most)
        #expect(marks([50_000, 50_000, 50_000, 50_000], rest: Self.most + records - 1).last == 1)
        #expect(marks([50_000, 50_000, 50_000, 50_000], rest: 0).last == 1)
    }

    @Test func theMarkIsMovedOnlyWhenItChanges() {
        var pacing = ReadPacing()
        var moves = 0
        for left in stride(from: 1 << 24, through: 0, by: -(1 << 16)) {
            pacing.came(1 << 16)
            if pacing.readEnded(expecting: left) { moves += 1 }
        }
        #expect(moves == 2)
        #expect(pacing.mark == 1)
    }

    @Test func aPauseEndsTheWait() {
        var pacing = ReadPacing()
        func readLong(_ times: Int) -> [Bool] {
            (0..<times).map { _ in
                pacing.came(50_000)
                return pacing.readEnded(expecting: 1 << 30)
            }
        }
        #expect(readLong(4) == [false, false, false, true])
        let (afterReads, afterNone) = (pacing.patienceEnded(), pacing.patienceEnded())
        #expect(!afterReads)
        #expect(afterNone)
        #expect(pacing.mark == 1)
        #expect(readLong(4) == [false, false, false, true])
    }
}
