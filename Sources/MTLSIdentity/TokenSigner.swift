package import GnuTLS
import MTLSCore
package import PKCS11
import Synchronization

/// Signs handshakes with a key in a token.
///
/// What the token returns is put into the form that TLS carries and verified with the certificate's public key before it
/// goes out: tokens return wrong salts, stripped zeros, and signatures of other keys.
final class TokenSigner: ExternalSigner {
    let publicKey: PublicKey
    private let key: TokenKey
    private let subject: String
    private let mechanisms: Set<UInt>
    private let kept: KeptPIN?
    private let isKeyChecked = Mutex(false)

    /// - Parameters:
    ///   - mechanisms: Those by which the token says that it can sign.
    ///   - kept: Told when the token refuses its PIN.
    init(key: TokenKey, publicKey: PublicKey, subject: String, mechanisms: Set<UInt>, kept: KeptPIN? = nil) {
        self.kept = kept
        self.key = key
        self.publicKey = publicKey
        self.subject = subject
        self.mechanisms = mechanisms
    }

    var lane: any SigningLane { ThreadLane(lane: key.token.lane) }

    var epoch: KeyEpoch { KeyEpoch(losses: key.token.losses, refusals: key.token.refusals) }

    func supports(_ scheme: SignatureScheme) -> Bool {
        publicKey.schemes.contains(scheme) && mechanism(for: scheme) != nil
    }

    func sign(_ input: SigningInput) throws -> [UInt8] {
        do {
            try checkKey()
            switch input {
            case .digestInfo(let info):
                return try verified([try key.sign(.rsaPKCS1, info)]) { publicKey.verifyPKCS1($0, digestInfo: info) }
            case .digest(let digest, let scheme):
                let readings = try sign(digest, scheme)
                return try verified(readings) { publicKey.verify($0, ofHash: digest, scheme: scheme) }
            case .message(let message, let scheme):
                let signature = try key.sign(try required(scheme), message)
                return try verified([signature]) { publicKey.verify($0, of: message, scheme: scheme) }
            }
        } catch let error as PKCS11Error {
            if [.pinIncorrect, .pinLocked, .pinTriesLow].contains(error.kind) { kept?.forget() }
            throw MTLSError.token(error, phase: .sign)
        }
    }

    /// Looks for the key, which may ask for the PIN, and whether it is the certificate's, as far as the token shows.
    func confirmKey() async throws {
        try await key.token.lane.run { () throws(PKCS11Error) in Result { try self.checkKey() } }.get()
    }

    /// All that the token's one answer can mean, the likeliest first.
    private func sign(_ digest: [UInt8], _ scheme: SignatureScheme) throws -> [[UInt8]] {
        switch try required(scheme) {
        case .rsaRaw:
            guard let hash = scheme.hash,
                let block = try EMSAPSS.encode(digest, hash: hash, modulusBits: publicKey.bits)
            else { throw PKCS11Error(.mechanismMissing, "the RSA key is too short for \(scheme)") }
            return [try key.sign(.rsaRaw, block)]
        case .ecdsa:
            guard case .ecdsa(let curve) = publicKey.algorithm else { return [] }
            // ECDSA signs as many leading bits of a digest as the curve's order has (FIPS 186-5 §6.4.1). Modules differ
            // in whether they do that themselves.
            let answer = try key.sign(.ecdsa, Array(digest.prefix(curve.byteCount)))
            return ECDSASignature.readings(of: answer, half: curve.byteCount)
        case let mechanism:
            return [try key.sign(mechanism, digest)]
        }
    }

    /// The key that was found is the certificate's, as far as the token shows. Known before anything is signed, it
    /// spares a touch.
    private func checkKey() throws {
        if isKeyChecked.withLock({ $0 }) { return }
        if let material = try key.keyInfo().publicKey, let found = try? PublicKey(material), found != publicKey {
            throw MTLSError(
                .keyMismatch, phase: .identity, fault: .token,
                "the key in the token \"\(key.token.label)\" does not belong to the certificate \"\(subject)\"",
                advice: "name the key that belongs to it")
        }
        isKeyChecked.withLock { $0 = true }
    }

    /// The first reading that the public key verifies. To verify costs more than to sign: nothing is verified twice.
    private func verified(_ readings: [[UInt8]], _ isGood: ([UInt8]) -> Bool) throws(MTLSError) -> [UInt8] {
        guard let signature = readings.first(where: isGood) else {
            throw MTLSError(
                .signatureInvalid, phase: .sign, fault: .token,
                "the token \"\(key.token.label)\" returned a signature that the public key of \"\(subject)\" does not verify",
                advice: "check that key and certificate belong together, and the module's version")
        }
        return signature
    }

    private func required(_ scheme: SignatureScheme) throws(PKCS11Error) -> SigningMechanism {
        if let mechanism = mechanism(for: scheme) { return mechanism }
        throw PKCS11Error(
            .mechanismMissing, "the token has no mechanism for \(scheme)", token: key.token.label)
    }

    /// The way by which this token signs in `scheme`, if it has one.
    private func mechanism(for scheme: SignatureScheme) -> SigningMechanism? {
        let wanted: SigningMechanism =
            switch scheme {
            case .rsaPKCS1SHA256, .rsaPKCS1SHA384, .rsaPKCS1SHA512: .rsaPKCS1
            case .rsaPSSRSAESHA256, .rsaPSSPSSSHA256: .rsaPSS(.sha256)
            case .rsaPSSRSAESHA384, .rsaPSSPSSSHA384: .rsaPSS(.sha384)
            case .rsaPSSRSAESHA512, .rsaPSSPSSSHA512: .rsaPSS(.sha512)
            case .ecdsaSECP256R1SHA256, .ecdsaSECP384R1SHA384, .ecdsaSECP521R1SHA512: .ecdsa
            case .ed25519, .ed448: .eddsa
            }
        if mechanisms.contains(wanted.type) { return wanted }
        // The padding can be made here, if the token has the bare operation.
        return scheme.isRSAPSS && mechanisms.contains(SigningMechanism.rsaRaw.type) ? .rsaRaw : nil
    }
}

extension PublicKey {
    /// The public half of a key, as a token showed it.
    package convenience init(_ material: PublicKeyMaterial) throws {
        switch material {
        case .rsa(let modulus, let exponent):
            try self.init(rsaModulus: modulus, exponent: exponent)
        case .ec(let parameters, let point):
            switch parameters {
            case PKCS11.KeyKind.ecP256.parameters: try self.init(curve: .p256, point: point)
            case PKCS11.KeyKind.ecP384.parameters: try self.init(curve: .p384, point: point)
            case PKCS11.KeyKind.ecP521.parameters: try self.init(curve: .p521, point: point)
            default: try self.init(ed25519: point)
            }
        }
    }
}
