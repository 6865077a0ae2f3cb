public import DevPKI
import GnuTLS
import MTLSCore
import PKCS11

extension SoftHSMToken {
    /// Stores a key that was made elsewhere, RSA or on a curve of NIST, and its certificate chain under the same label.
    /// The key stays in the token from then on; that it was elsewhere before, ``describeKey(object:)`` tells.
    public func store(_ identity: IssuedIdentity, label: String) async throws {
        let components: PrivateKeyComponents
        switch try identity.privateKey.numbers() {
        case .rsa(let modulus, let exponent, let d, let p, let q, let dP, let dQ, let qInv):
            components = .rsa(
                modulus: modulus, publicExponent: exponent, privateExponent: d, prime1: p, prime2: q, exponent1: dP,
                exponent2: dQ, coefficient: qInv)
        case .ec(let curve, let point, let scalar):
            let kind: PKCS11.KeyKind =
                switch curve {
                case .p256: .ecP256
                case .p384: .ecP384
                case .p521: .ecP521
                }
            components = .ec(parameters: kind.parameters ?? [], point: point, scalar: scalar)
        }
        let id = nextID()
        try await manage { [provisioner] in try provisioner.importPrivateKey(components, label: label, id: id) }
        for (number, certificate) in identity.chain.enumerated() {
            try await store(
                certificate, label: number == 0 ? label : "\(label)-issuer-\(number)", id: number == 0 ? id : [])
        }
    }
}
