import Testing

@testable import GnuTLS

/// What a server may answer to a hello.
struct HelloExtensionsTests {
    /// A hello that asks by the extensions 0, 10 and 16.
    private let asked: [UInt8] = [0, 12, 0, 0, 0, 0, 0, 10, 0, 0, 0, 16, 0, 0]

    private func violation(_ answer: [UInt8], _ protocols: [String] = ["http/1.1", "h2"]) -> HelloExtensions.Violation?
    {
        do {
            try HelloExtensions(list: asked[...]).checkAnswer(HelloExtensions(list: answer[...]), protocols: protocols)
            return nil
        } catch {
            return error
        }
    }

    @Test(arguments: [
        [], [0, 0], [0, 4, 0, 0, 0, 0], [0, 9, 0, 16, 0, 5, 0, 3, 2, 0x68, 0x32], [0, 5, 0xff, 1, 0, 1, 0],
    ])
    func whatWasAskedForMayBeAnswered(_ answer: [UInt8]) {
        #expect(violation(answer) == nil)
    }

    @Test func anExtensionTwiceIsAViolation() {
        #expect(violation([0, 8, 0, 10, 0, 0, 0, 10, 0, 0]) == .duplicate(10))
    }

    @Test func anExtensionUnaskedIsAViolation() {
        #expect(violation([0, 4, 0, 42, 0, 0]) == .unasked(42))
    }

    @Test func aProtocolThatWasNotOfferedIsAViolation() {
        #expect(violation([0, 9, 0, 16, 0, 5, 0, 3, 2, 0x68, 0x33]) == .protocolNotOffered("h3"))
    }

    @Test(
        arguments: [
            [0], [0, 1], [0, 1, 0], [0, 4, 0, 0, 0, 1], [0, 0, 1], [0, 5, 0, 0, 0, 0, 0], [0, 4, 0, 16, 0, 0],
            [0, 6, 0, 16, 0, 2, 0, 0], [0, 7, 0, 16, 0, 3, 0, 1, 0],
            [0, 12, 0, 16, 0, 8, 0, 6, 2, 0x68, 0x32, 2, 0x68, 0x32], [0, 9, 0, 16, 0, 5, 0, 3, 3, 0x68, 0x32],
        ])
    func whatIsNoListIsAViolation(_ answer: [UInt8]) {
        #expect(violation(answer) == .malformed)
    }

    @Test(arguments: 0..<70)
    func aHelloOfAnyLengthIsReadOrRefused(_ size: Int) {
        for byte: UInt8 in [0, 1, 3, 255] {
            let hello = [UInt8](repeating: byte, count: size)
            for made in [try? HelloExtensions(clientHello: hello), try? HelloExtensions(serverHello: hello)] {
                #expect((made?.items.count ?? 0) <= size)
            }
        }
    }
}
