import GnuTLS
import SecretMemory
import Testing

struct PEMTests {
    private let good = "-----BEGIN A-----\nAQID\n-----END A-----\n"

    private func problem(_ text: String) -> PEMError? {
        do throws(PEMError) { _ = try PEM.blocks(in: Array(text.utf8)) } catch { return error }
        return nil
    }

    private func contents(_ text: String) throws -> [[UInt8]] {
        let bytes = Array(text.utf8)
        return try PEM.blocks(in: bytes).map { try $0.contents(of: bytes) }
    }

    @Test func blocksAreFoundAmongOtherText() throws {
        let bytes = Array("Bag Attributes: x\n\(good)\nwords\n-----BEGIN B C-----\nBAUG\nBw==\n-----END B C-----".utf8)
        let blocks = try PEM.blocks(in: bytes)
        #expect(blocks.map(\.label) == ["A", "B C"])
        #expect(blocks.map(\.line) == [2, 7])
        #expect(try blocks.map { try $0.contents(of: bytes) } == [[1, 2, 3], [4, 5, 6, 7]])
        #expect(String(decoding: bytes[blocks[0].range], as: UTF8.self) == good.dropLast())
    }

    @Test func textWithoutBlocksHasNone() throws {
        #expect(try contents("").isEmpty)
        #expect(try contents("nothing\n-----BEGIN\n----- BEGIN A-----\n").isEmpty)
    }

    @Test(arguments: ["\r\n", "  \n", "\t\r\n"])
    func lineEndsAndBlanksBeforeThemDoNotCount(end: String) throws {
        #expect(try contents(good.split(separator: "\n").joined(separator: end)) == [[1, 2, 3]])
    }

    @Test func aByteOrderMarkIsPassedOver() throws {
        #expect(try contents("\u{feff}" + good) == [[1, 2, 3]])
    }

    @Test func aBlockOfOtherBytesIsAnError() throws {
        let block = try #require(try PEM.blocks(in: Array(good.utf8)).first)
        #expect(throws: PEMError.self) { try block.contents(of: [1, 2, 3]) }
    }

    @Test func noAlteredByteOfAFileTraps() throws {
        let authority = try TestAuthority()
        let pem = authority.certificate.pemEncoded + (try authority.key.pemEncoded().withUnsafeBytes { Array($0) })
        for index in stride(from: 0, to: pem.count, by: 4) {
            for replacement: UInt8 in [10, 61, pem[index] ^ 1] {
                var altered = pem
                altered[index] = replacement
                let chain = try? Certificate.chain(pem: altered)
                #expect(chain?.count ?? 1 == 1)
                if let key = try? PrivateKey.read(altered) { #expect(!key.publicKey.spkiDER.isEmpty) }
            }
        }
    }

    @Test func headersAreRead() throws {
        let text = "-----BEGIN A-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: X,01\n\nAQID\n-----END A-----\n"
        let bytes = Array(text.utf8)
        let block = try #require(try PEM.blocks(in: bytes).first)
        #expect(block.headers == ["Proc-Type": "4,ENCRYPTED", "DEK-Info": "X,01"])
        #expect(try block.contents(of: bytes) == [1, 2, 3])
    }

    @Test(arguments: [
        ("-----BEGIN A-----\nAQID\n", 1, PEMError.Problem.unterminated("A")),
        ("x\n-----BEGIN A-----", 2, .unterminated("A")),
        ("-----BEGIN A-----\nAQID\n-----END A----\n", 1, .unterminated("A")),
        ("-----BEGIN A-----\nAQID\n-----BEGIN A-----\nAQID\n-----END A-----\n", 1, .unterminated("A")),
        ("-----BEGIN A-----\nAQID\n-----END B-----\n", 3, .mismatchedEnd(expected: "A", found: "B")),
        ("-----BEGIN A-----\n-----END A-----\n", 1, .empty),
        ("AQID\n-----END A-----\n", 2, .strayEnd),
        ("-----BEGIN A-----\nAQID\nAQ!D\n-----END A-----\n", 3, .badBase64),
        ("-----BEGIN A-----\nAQI\n-----END A-----\n", 3, .badBase64),
        ("-----BEGIN A-----\nAQ==\nAQID\n-----END A-----\n", 3, .badBase64),
        ("-----BEGIN A-----\nA===\n-----END A-----\n", 2, .badBase64),
        ("-----BEGIN A-----\nAQ=D\n-----END A-----\n", 2, .badBase64),
        ("-----BEGIN A-----\nAQID\nName: value\n-----END A-----\n", 3, .badBase64),
    ])
    func malformedTextNamesItsLine(text: String, line: Int, expected: PEMError.Problem) {
        let problem = problem(text)
        #expect(problem?.line == line)
        #expect(problem?.problem == expected)
    }

    @Test func whatIsNoLabelIsNotShownAsOne() throws {
        // A key whose line breaks were lost, in the ways of shells and variables.
        let key = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIA\n-----END PRIVATE KEY-----\n"
        for lost in ["", " ", "\\n"] {
            #expect(problem(key.replacing("\n", with: lost))?.description.contains("MC4C") != true)
        }
        #expect(try contents("-----BEGIN a-----\n-----BEGIN A-----B-----\n").isEmpty)
    }

    @Test func whatIsEncodedIsDecodedAgain() throws {
        for count in 1...200 {
            let der = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 37 &+ count) }
            let text = PEM.encode(label: "DATA", der: der)
            #expect(try PEM.blocks(in: text).map { try $0.contents(of: text) } == [der])
            #expect(text.split(separator: UInt8(ascii: "\n")).allSatisfy { $0.count <= 64 })
        }
    }

    @Test func noPrefixOfABlockPassesForTheWhole() throws {
        let text = PEM.encode(label: "DATA", der: Array(0..<100))
        for length in 0..<(text.count - 1) {
            let prefix = Array(text.prefix(length))
            let blocks = (try? PEM.blocks(in: prefix)) ?? []
            #expect(blocks.isEmpty)
        }
    }
}
