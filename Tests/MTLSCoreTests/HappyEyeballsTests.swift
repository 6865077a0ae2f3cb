import Testing

@testable import MTLSCore

@Suite struct HappyEyeballsTests {
    private let v4 = (1...3).compactMap { IPAddress("10.0.0.\($0)") }
    private let v6 = (1...3).compactMap { IPAddress("fd00::\($0)") }
    private func at(_ milliseconds: Int64) -> Deadline { Deadline(nanoseconds: milliseconds * 1_000_000) }

    /// The order in which the addresses are tried when each fails at once.
    private func order(_ addresses: [IPAddress]) -> [IPAddress] {
        var machine = HappyEyeballs(addresses)
        var order: [IPAddress] = []
        var action = machine.start(now: at(0))
        while let address = action.connect.first {
            order.append(address)
            action = machine.failed(address, now: at(0))
        }
        return order
    }

    @Test func theFamiliesTakeTurns() {
        #expect(order(v6 + v4) == [v6[0], v4[0], v6[1], v4[1], v6[2], v4[2]])
        #expect(order([v4[0]] + v6) == [v4[0], v6[0], v6[1], v6[2]])
    }

    @Test func anAddressThatIsListedTwiceIsTriedOnce() {
        #expect(order([v4[0], v4[1], v4[0]]) == [v4[0], v4[1]])
    }

    @Test func theNextAddressIsTriedAfterTheDelayBesideTheFirst() {
        var machine = HappyEyeballs([v6[0], v4[0]])
        #expect(machine.start(now: at(0)) == .init(connect: [v6[0]], timer: at(250)))
        #expect(machine.timer(now: at(249)) == .init(timer: at(250)))
        #expect(machine.timer(now: at(250)) == .init(connect: [v4[0]]))
        #expect(machine.connected(v6[0]) == .init(outcome: .connected(v6[0])))
    }

    @Test func aFailureBringsTheNextAddressAtOnceAndADelayOfItsOwn() {
        var machine = HappyEyeballs([v6[0], v4[0], v6[1]])
        _ = machine.start(now: at(0))
        #expect(machine.failed(v6[0], now: at(100)) == .init(connect: [v4[0]], timer: at(350)))
    }

    @Test func theFirstSuccessCountsAndNothingAfterIt() {
        var machine = HappyEyeballs([v6[0], v4[0]])
        _ = machine.start(now: at(0))
        _ = machine.timer(now: at(250))
        #expect(machine.connected(v4[0]).outcome == .connected(v4[0]))
        #expect(machine.connected(v6[0]) == .init())
        #expect(machine.failed(v6[0], now: at(300)) == .init())
        #expect(machine.timer(now: at(500)) == .init())
    }

    @Test func itFailsWhenTheLastAttemptUnderWayHasFailed() {
        var machine = HappyEyeballs([v6[0], v4[0]])
        _ = machine.start(now: at(0))
        _ = machine.timer(now: at(250))
        #expect(machine.failed(v6[0], now: at(260)) == .init())
        #expect(machine.failed(v4[0], now: at(270)) == .init(outcome: .failed))
    }

    @Test func withoutAddressesItFails() {
        var machine = HappyEyeballs([])
        #expect(machine.start(now: at(0)).outcome == .failed)
    }
}

@Suite struct IPAddressTests {
    @Test(arguments: [
        ("127.0.0.1", "127.0.0.1"), ("::1", "::1"), ("FD00:0:0::1", "fd00::1"), ("::ffff:1.2.3.4", "::ffff:102:304"),
    ])
    func anAddressIsReadAndWritten(text: String, written: String) {
        #expect(IPAddress(text)?.description == written)
    }

    @Test(arguments: [
        "", "1.2.3", "1.2.3.4.5", "1.2.3.256", "01.2.3.4", "1.2.3.4 ", "[::1]", "fe80::1%eth0", "host", ":",
    ])
    func whatIsNoAddressIsNone(text: String) {
        #expect(IPAddress(text) == nil)
    }
}
