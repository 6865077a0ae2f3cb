import Glibc
import SecretMemory
import Testing

/// What a secret shows, and what becomes of its memory.
@Suite struct SecretBytesTests {
    private func secret(_ text: String) -> SecretBytes {
        var bytes = Array(text.utf8)
        return SecretBytes(wiping: &bytes)
    }

    private func bytes(_ secret: SecretBytes) -> [UInt8] { secret.withUnsafeBytes { Array($0) } }

    @Test func secretsAreEqualWhenTheirBytesAre() {
        #expect(secret("1234") == secret("1234"))
        #expect(secret("1234") != secret("1235"))
        #expect(secret("1234") != secret("12345"))
        #expect(secret("") == secret(""))
    }

    @Test func nothingPrintsTheSecret() {
        let secret = secret("hunter2")
        var dumped = ""
        dump(["in": (secret, Optional(secret))], to: &dumped)
        let texts = [
            "\(secret)", secret.description, secret.debugDescription, String(reflecting: secret),
            String(describing: Optional(secret)), dumped, "\(Mirror(reflecting: secret).children.map { "\($0)" })",
        ]
        for text in texts {
            #expect(!text.contains("hunter2"))
            #expect(!text.contains("104"), "the first byte as a number")
        }
        #expect(Mirror(reflecting: secret).children.isEmpty)
        #expect(secret.description == "<secret>")
    }

    @Test func theArrayThatIsGivenAwayIsEmptyAfterwards() {
        var array = Array("1234".utf8)
        let secret = SecretBytes(wiping: &array)
        #expect(array.isEmpty)
        #expect(bytes(secret) == Array("1234".utf8))
    }

    @Test func copyingAnEmptyBufferGivesAnEmptySecret() {
        let secret = SecretBytes(copying: UnsafeRawBufferPointer(start: nil, count: 0))
        #expect(secret.count == 0)
        #expect(bytes(secret).isEmpty)
    }

    @Test func aCapacityOfZeroOffersNoRoom() {
        let secret = SecretBytes(capacity: 0) { memory in
            #expect(memory.isEmpty)
            return 1
        }
        #expect(secret.count == 0)
    }

    @Test(arguments: [(-1, 0), (0, 0), (3, 3), (4, 4), (5, 4), (.max, 4)])
    func theCountStaysWithinTheCapacity(claimed: Int, count: Int) {
        let secret = SecretBytes(capacity: 4) { memory in
            memory.copyBytes(from: [1, 2, 3, 4])
            return claimed
        }
        #expect(secret.count == count)
        #expect(bytes(secret) == Array([1, 2, 3, 4].prefix(count)))
    }

    @Test func aNegativeCapacityIsNone() {
        #expect(SecretBytes(capacity: -1) { $0.count }.count == 0)
    }

    @Test func moreThanAPageIsHeld() {
        let secret = SecretBytes(capacity: 10_000) { memory in
            for index in memory.indices { memory[index] = UInt8(truncatingIfNeeded: index) }
            return memory.count
        }
        #expect(bytes(secret) == (0..<10_000).map { UInt8(truncatingIfNeeded: $0) })
    }

    @Test func whatFillThrowsIsRethrown() {
        struct Refusal: Error, Equatable {}
        #expect(throws: Refusal()) {
            try SecretBytes(capacity: 4) { (memory) throws(Refusal) in
                memory.copyBytes(from: [1, 2, 3, 4])
                throw Refusal()
            }
        }
    }

    @Test func wipingOverwritesEveryByte() {
        var array = [UInt8](repeating: 0xA5, count: 1000)
        array.withUnsafeMutableBytes { SecretBytes.wipe(UnsafeMutableRawBufferPointer(rebasing: $0[1..<999])) }
        #expect(array.first == 0xA5)
        #expect(array[1..<999].allSatisfy { $0 == 0 })
        #expect(array.last == 0xA5)
        SecretBytes.wipe(UnsafeMutableRawBufferPointer(start: nil, count: 0))
    }

    @Test func thePagesAreLockedAndLeftOutOfCoreDumps() throws {
        let secret = secret("1234")
        let address = secret.withUnsafeBytes { UInt(bitPattern: $0.baseAddress) }
        let flags = try #require(Mapping.flags(at: address))
        #expect(flags.contains("dd"), "MADV_DONTDUMP")
        var limit = rlimit()
        getrlimit(__rlimit_resource_t(8), &limit)  // RLIMIT_MEMLOCK
        // The sanitizers make mlock(2) do nothing.
        let isSanitized = dlsym(nil, "__asan_init") != nil || dlsym(nil, "__tsan_init") != nil
        if limit.rlim_cur > 1 << 20, !isSanitized { #expect(flags.contains("lo"), "mlock") }
    }

    @Test func aSecretFindsNothingOfTheOneBefore() {
        for size in [1, 4096, 10_000] {
            for _ in 0..<20 {
                let secret = SecretBytes(capacity: size) { memory in
                    #expect(memory.allSatisfy { $0 == 0 })
                    for index in memory.indices { memory[index] = 0xA5 }
                    return memory.count
                }
                #expect(secret.count == size)
            }
        }
    }

    @Test func oneSecretDoesNotShareAPageWithAnother() {
        let page = UInt(sysconf(Int32(_SC_PAGESIZE)))
        let secrets = (0..<8).map { secret("\($0)") }
        let pages = secrets.map { $0.withUnsafeBytes { UInt(bitPattern: $0.baseAddress) / page } }
        #expect(Set(pages).count == secrets.count)
    }
}

/// The mappings of this process (proc(5)).
enum Mapping {
    /// The `VmFlags` of the mapping that holds `address`.
    static func flags(at address: UInt) -> [Substring]? {
        guard let file = fopen("/proc/self/smaps", "re") else { return nil }
        defer { fclose(file) }
        var isInside = false
        var line = [CChar](repeating: 0, count: 4096)
        while fgets(&line, Int32(line.count), file) != nil {
            let text = String(decoding: line.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
            let first = text.split(separator: " ").first ?? ""
            let bounds = first.split(separator: "-").compactMap { UInt($0, radix: 16) }
            if bounds.count == 2 { isInside = (bounds[0]..<bounds[1]).contains(address) }
            if isInside, first == "VmFlags:" { return text.dropFirst(8).split { $0.isWhitespace } }
        }
        return nil
    }
}
