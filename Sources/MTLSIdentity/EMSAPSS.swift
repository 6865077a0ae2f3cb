import GnuTLS

/// The padding of RSASSA-PSS (RFC 8017 §9.1.1), for tokens that have the bare RSA operation and not RSASSA-PSS.
enum EMSAPSS {
    /// Encodes `digest` for a modulus of `bits` bits, with a fresh salt as long as the hash (RFC 8446 §4.2.3).
    ///
    /// - Returns: A block as long as the modulus; nil when the modulus is too short for the hash.
    static func encode(_ digest: [UInt8], hash: HashAlgorithm, modulusBits bits: Int) throws -> [UInt8]? {
        let length = hash.byteCount
        let encodedBits = bits - 1
        let encodedLength = (encodedBits + 7) / 8
        guard digest.count == length, encodedLength >= 2 * length + 2 else { return nil }

        var generator = SystemRandomNumberGenerator()
        let salt = (0..<length).map { _ in UInt8.random(in: 0 ... .max, using: &generator) }
        let seed = try hash.hash(of: [UInt8](repeating: 0, count: 8) + digest + salt)
        var block = [UInt8](repeating: 0, count: encodedLength - 2 * length - 2) + [0x01] + salt
        for (index, byte) in try mask(seed, count: block.count, hash).enumerated() { block[index] ^= byte }
        block[0] &= 0xFF >> (8 * encodedLength - encodedBits)
        let encoded = block + seed + [0xBC]
        // A modulus of 8k+1 bits has one byte more than the encoding.
        return [UInt8](repeating: 0, count: (bits + 7) / 8 - encodedLength) + encoded
    }

    /// MGF1 (RFC 8017 §B.2.1).
    private static func mask(_ seed: [UInt8], count: Int, _ hash: HashAlgorithm) throws -> [UInt8] {
        var mask: [UInt8] = []
        var counter: UInt32 = 0
        while mask.count < count {
            mask += try hash.hash(of: seed + withUnsafeBytes(of: counter.bigEndian) { Array($0) })
            counter += 1
        }
        return Array(mask.prefix(count))
    }
}
