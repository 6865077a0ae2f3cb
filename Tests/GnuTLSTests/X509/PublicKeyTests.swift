import GnuTLS
import Testing

struct PublicKeyTests {
    @Test(arguments: SlowKeys.kinds)
    func everySchemeOfAKeySignsAndVerifies(kind: KeyKind) throws {
        let key = try SlowKeys.key(kind)
        let message = Array("message".utf8)
        #expect(!key.publicKey.schemes.isEmpty)
        for scheme in key.publicKey.schemes {
            var signature = try key.sign(message, scheme: scheme)
            #expect(key.publicKey.verify(signature, of: message, scheme: scheme))
            #expect(!key.publicKey.verify(signature, of: message + [0], scheme: scheme))
            if let hash = scheme.hash {
                let digest = try hash.hash(of: message)
                #expect(key.publicKey.verify(signature, ofHash: digest, scheme: scheme))
                let again = try key.sign(hash: digest, scheme: scheme)
                #expect(key.publicKey.verify(again, of: message, scheme: scheme))
                #expect(!key.publicKey.verify(signature, ofHash: Array(digest.dropLast()), scheme: scheme))
            }
            for other in SignatureScheme.allCases where other != scheme {
                #expect(!key.publicKey.verify(signature, of: message, scheme: other))
            }
            signature[signature.count / 2] ^= 1
            #expect(!key.publicKey.verify(signature, of: message, scheme: scheme))
            #expect(!key.publicKey.verify([], of: message, scheme: scheme))
        }
    }

    @Test func theBestSchemeComesFirst() throws {
        #expect(try SlowKeys.key(.rsa(bits: 2048)).publicKey.schemes.first == .rsaPSSRSAESHA256)
        #expect(try SlowKeys.key(.rsaPSS(bits: 2048)).publicKey.schemes.first == .rsaPSSPSSSHA256)
        #expect(try PrivateKey.generate(.ecdsaP384).publicKey.schemes.first == .ecdsaSECP384R1SHA384)
        #expect(try PrivateKey.generate(.ed25519).publicKey.schemes == [.ed25519])
    }

    @Test func anRSAKeyTooShortForAHashDoesNotOfferIt() throws {
        let key = try SlowKeys.key(.rsa(bits: 1024))
        #expect(key.publicKey.schemes.contains(.rsaPSSRSAESHA384))
        #expect(!key.publicKey.schemes.contains(.rsaPSSRSAESHA512))
        #expect(throws: GnuTLSError.self) { try key.sign([1], scheme: .rsaPSSRSAESHA512) }
    }

    @Test func keysAreMadeOfTheNumbersThatTokensGive() throws {
        let rsa = try SlowKeys.key(.rsa(bits: 2048)).publicKey
        let modulus = Array(rsa.spkiDER[33..<289])
        #expect(try PublicKey(rsaModulus: modulus, exponent: [1, 0, 1]) == rsa)
        #expect(try PublicKey(rsaModulus: [0] + modulus, exponent: [0, 1, 0, 1]) == rsa)
        for (kind, curve) in [(KeyKind.ecdsaP256, PublicKey.Curve.p256), (.ecdsaP384, .p384), (.ecdsaP521, .p521)] {
            let key = try PrivateKey.generate(kind).publicKey
            #expect(try PublicKey(curve: curve, point: key.spkiDER.suffix(1 + 2 * curve.byteCount)) == key)
            #expect(key.algorithm == .ecdsa(curve))
        }
        let ed25519 = try PrivateKey.generate(.ed25519).publicKey
        #expect(try PublicKey(ed25519: ed25519.spkiDER.suffix(32)) == ed25519)
        #expect(try PublicKey(spkiDER: rsa.spkiDER) == rsa)
    }

    @Test func pointsThatAreNoneAreRefused() throws {
        var point = [UInt8](try PrivateKey.generate(.ecdsaP256).publicKey.spkiDER.suffix(65))
        #expect(throws: GnuTLSError.self) { try PublicKey(curve: .p384, point: point) }
        #expect(throws: GnuTLSError.self) { try PublicKey(curve: .p256, point: Array(point.dropLast())) }
        #expect(throws: GnuTLSError.self) { try PublicKey(curve: .p256, point: []) }
        #expect(throws: GnuTLSError.self) { try PublicKey(curve: .p256, point: [2] + point.dropFirst()) }
        point[64] ^= 1
        #expect(throws: GnuTLSError.self) { try PublicKey(curve: .p256, point: point) }
        #expect(throws: GnuTLSError.self) { try PublicKey(ed25519: [1, 2, 3]) }
        #expect(throws: GnuTLSError.self) { try PublicKey(rsaModulus: [], exponent: []) }
        #expect(throws: GnuTLSError.self) { try PublicKey(spkiDER: [0x30, 0]) }
    }

    @Test func theKeyIDIsTheHashOfTheKeyInfo() throws {
        let key = try PrivateKey.generate(.ecdsaP256).publicKey
        #expect(try key.keyID() == HashAlgorithm.sha256.hash(of: key.spkiDER))
        #expect(try HashAlgorithm.sha256.hash(of: Array("abc".utf8)).prefix(4) == [0xba, 0x78, 0x16, 0xbf])
    }
}
