import GnuTLS
import MTLSCore

/// Signs something that is good for nothing else, to see whether a key can.
enum TestSignature {
    /// The schemes to be tried: the one that TLS 1.3 would use and, for RSA, PKCS#1 of TLS 1.2.
    static func schemes(of signer: any ExternalSigner) -> [SignatureScheme] {
        let all = signer.publicKey.schemes.filter(signer.supports)
        return [all.first { !$0.isRSAPKCS1 }, all.first(where: \.isRSAPKCS1)].compactMap(\.self)
    }

    /// Has `signer` sign by `scheme`, or by the best that it supports, on a thread of its lane. The signer verifies.
    ///
    /// - Returns: How long it took.
    @discardableResult
    static func make(_ signer: any ExternalSigner, _ scheme: SignatureScheme? = nil) throws -> Duration {
        guard let scheme = scheme ?? schemes(of: signer).first else {
            throw MTLSError(
                .mechanismMissing, phase: .identity, fault: .token, "the token signs by no scheme that suits the key")
        }
        let message = Array("swift-mtls test signature".utf8) + (0..<32).map { _ in UInt8.random(in: 0 ... .max) }
        let input: SigningInput
        if let hash = scheme.hash {
            let digest = try hash.hash(of: message)
            input = scheme.isRSAPKCS1 ? .digestInfo(try DigestInfo.encode(digest, hash)) : .digest(digest, scheme)
        } else {
            input = .message(message, scheme)
        }
        return try ContinuousClock().measure { _ = try signer.sign(input) }
    }
}
