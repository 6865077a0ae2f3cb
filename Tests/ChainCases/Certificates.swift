import DevPKI
import GnuTLS
import MTLSCore
import MTLSIdentity

extension ChainCase {
    package static let dates: [ChainCase] = [
        .init("an expired leaf", .certificateExpired) {
            try ThreeParties(leaf: { $0.isValid(from: -7200, until: -3600) }).input
        },
        .init("a leaf of tomorrow", .certificateNotYetValid) {
            try ThreeParties(leaf: { $0.isValid(from: 3600, until: 7200) }).input
        },
        .init("an expired intermediate", .certificateExpired) {
            try ThreeParties(middle: { $0.isValid(from: -7200, until: -3600) }).input
        },
        .init("an expired root", .certificateExpired) {
            try ThreeParties(root: { $0.isValid(from: -7200, until: -3600) }).input
        },
        .init("an expired leaf, at a time when it was valid", nil) {
            try ThreeParties(
                root: { $0.isValid(from: -9000, until: 9000) }, middle: { $0.isValid(from: -9000, until: 9000) },
                leaf: { $0.isValid(from: -7200, until: -3600) }
            ).input.with { $0.offset = -5000 }
        },
        .init("a valid leaf, in a year", .certificateExpired) {
            try ThreeParties().input.with { $0.offset = 365 * 86_400 }
        },
        .init("without an end", nil) {
            try ThreeParties(leaf: { $0.notAfter = DER.element(tag: 0x18, Array("99991231235959Z".utf8)) }).input
        },
        .init("a date of before 1970", nil) {
            try ThreeParties(root: { $0.notBefore = DER.element(tag: 0x17, Array("500101000000Z".utf8)) }).input
        },
        .init("a date without seconds", .certificateMalformed) {
            try ThreeParties(leaf: { $0.notBefore = DER.element(tag: 0x17, Array("2001010000Z".utf8)) }).input
        },
        .init("a date in another time zone", .certificateMalformed) {
            try ThreeParties(leaf: { $0.notBefore = DER.element(tag: 0x17, Array("200101000000+0100".utf8)) }).input
        },
        .init("a date that there is not", .certificateMalformed) {
            try ThreeParties(leaf: { $0.notBefore = DER.element(tag: 0x17, Array("200230000000Z".utf8)) }).input
        },
    ]

    package static let authorities: [ChainCase] = [
        .init("a leaf has signed it", .constraintViolated) {
            let parties = try ThreeParties()
            return ChainInput(try parties.leaf.server(), [parties.leaf, parties.middle], trusting: parties.root)
        },
        .init("the intermediate's basic constraints say no", .constraintViolated) {
            try ThreeParties(middle: { $0.set(.basicConstraints(authority: false)) }).input
        },
        .init("the intermediate has no basic constraints", .constraintViolated) {
            try ThreeParties(middle: { $0.remove("2.5.29.19") }).input
        },
        .init("the intermediate may not sign certificates", .constraintViolated) {
            try ThreeParties(middle: { $0.set(.keyUsage([.digitalSignature, .crlSign])) }).input
        },
        .init("the root may not sign certificates", .constraintViolated) {
            try ThreeParties(root: { $0.set(.keyUsage(.crlSign)) }).input
        },
        .init("the root is no authority", .constraintViolated) {
            try ThreeParties(root: { $0.set(.basicConstraints(authority: false)) }).input
        },
        .init("a root of version 1", nil, .differs("x509_strict wants key identifiers of it")) {
            try ThreeParties(root: {
                $0.version = nil
                $0.extensions = []
            }).input
        },
        .init("an intermediate of version 1", .constraintViolated) {
            try ThreeParties(middle: {
                $0.version = nil
                $0.extensions = []
            }).input
        },
        .init("no key usage anywhere", nil, .differs("x509_strict demands it of authorities")) {
            try ThreeParties(
                root: { $0.remove("2.5.29.15") }, middle: { $0.remove("2.5.29.15") }, leaf: { $0.remove("2.5.29.15") }
            ).input
        },
        .init("an intermediate without a name", .constraintViolated) {
            try ThreeParties(middle: { $0.subject = DER.sequence([[UInt8]]()) }).input
        },
        .init("a path length that suffices", nil) {
            let root = try ForgedParty.root { $0.set(.basicConstraints(authority: true, pathLength: 1)) }
            let middle = try root.authority("Middle") { $0.set(.basicConstraints(authority: true, pathLength: 0)) }
            return ChainInput(try middle.server(), [middle], trusting: root)
        },
        .init("more authorities than the intermediate allows", .constraintViolated) {
            let root = try ForgedParty.root()
            let upper = try root.authority("Upper") { $0.set(.basicConstraints(authority: true, pathLength: 0)) }
            let lower = try upper.authority("Lower")
            return ChainInput(try lower.server(), [lower, upper], trusting: root)
        },
        .init("more authorities than the root allows", .constraintViolated) {
            try ThreeParties(root: { $0.set(.basicConstraints(authority: true, pathLength: 0)) }).input
        },
        .init("an authority issued under its own name, which the path length does not count", nil) {
            let root = try ForgedParty.root { $0.set(.basicConstraints(authority: true, pathLength: 0)) }
            let same = try root.authority("Forged Root")
            return ChainInput(try same.server(), [same], trusting: root)
        },
        .init("a path length of what is no authority", .certificateMalformed) {
            try ThreeParties(leaf: { $0.set(.basicConstraints(authority: false, pathLength: 0)) }).input
        },
        .init("a server that is an authority itself", nil) {
            try ThreeParties(leaf: {
                $0.set(.basicConstraints(authority: true)); $0.set(.keyUsage([.digitalSignature, .keyCertSign]))
            }).input
        },
    ]

    package static let purposes: [ChainCase] = [
        .init("a client's certificate", .purposeMismatch) {
            try ThreeParties(leaf: { $0.set(.purposes(KeyPurpose.clientAuth)) }).input
        },
        .init("for servers and clients", nil) {
            try ThreeParties(leaf: { $0.set(.purposes(KeyPurpose.clientAuth, KeyPurpose.serverAuth)) }).input
        },
        .init("without purposes", nil) { try ThreeParties(leaf: { $0.remove("2.5.29.37") }).input },
        .init("for any purpose", nil, .differs("OpenSSL wants a server's purpose by name")) {
            try ThreeParties(leaf: { $0.set(.purposes(KeyPurpose.any)) }).input
        },
        .init("an intermediate for clients", .purposeMismatch) {
            try ThreeParties(middle: { $0.set(.purposes(KeyPurpose.clientAuth)) }).input
        },
        .init("an intermediate for servers", nil) {
            try ThreeParties(middle: { $0.set(.purposes(KeyPurpose.serverAuth)) }).input
        },
        .init("a root for clients", .purposeMismatch) {
            try ThreeParties(root: { $0.set(.purposes(KeyPurpose.clientAuth)) }).input
        },
        .init("an intermediate for any purpose", .purposeMismatch) {
            try ThreeParties(middle: { $0.set(.purposes(KeyPurpose.any)) }).input
        },
        .init("an ECDSA key for key transport alone", .purposeMismatch, .differs("OpenSSL does not look at the key")) {
            try ThreeParties(leaf: { $0.set(.keyUsage(.keyEncipherment)) }).input
        },
        .init("an ECDSA key for key agreement alone", .purposeMismatch, .differs("OpenSSL does not look at the key")) {
            try ThreeParties(leaf: { $0.set(.keyUsage(.keyAgreement)) }).input
        },
        .init("critical policy mappings", .extensionUnknown, .differs("OpenSSL processes policies")) {
            let oid = DER.objectIdentifier("1.2.3.4")
            let mappings = DER.sequence(DER.sequence(oid, oid))
            return try ThreeParties(middle: {
                $0.extensions.append(.init("2.5.29.33", critical: true, mappings))
            }).input
        },
        .init("a key for revocation lists alone", .purposeMismatch) {
            try ThreeParties(leaf: { $0.set(.keyUsage(.crlSign)) }).input
        },
        .init("a key for signing certificates alone", .purposeMismatch) {
            try ThreeParties(leaf: {
                $0.set(.keyUsage(.keyCertSign)); $0.set(.basicConstraints(authority: true))
            }).input
        },
    ]

    package static let strengths: [ChainCase] = [
        .init("RSA of 2048 bits", nil) {
            let root = try ForgedParty.root(privateKey: SlowKeys.rsa2048.get())
            return ChainInput(try root.server(), trusting: root)
        },
        .init("RSA of 1024 bits", .certificateWeak) {
            let root = try ForgedParty.root()
            return ChainInput(try root.server(privateKey: SlowKeys.rsa1024.get()), trusting: root)
        },
        .init("an intermediate with RSA of 1024 bits", .certificateWeak) {
            let root = try ForgedParty.root()
            let middle = try root.authority("Middle", privateKey: SlowKeys.rsa1024.get())
            return ChainInput(try middle.server(), [middle], trusting: root)
        },
        .init("a root with RSA of 1024 bits", .certificateWeak) {
            let root = try ForgedParty.root(privateKey: SlowKeys.rsa1024.get())
            return ChainInput(try root.server(), trusting: root)
        },
        .init("P-384 and Ed25519", nil) {
            let root = try ForgedParty.root(key: .ecdsaP384)
            let middle = try root.authority("Middle", key: .ed25519)
            return ChainInput(try middle.server(), [middle], trusting: root)
        },
        .init("an RSA key with the exponent 1", .certificateWeak, .differs("OpenSSL does not look at it")) {
            let root = try ForgedParty.root()
            let modulus = [UInt8](repeating: 0xC3, count: 256)
            let key = DER.sequence(DER.element(tag: 0x02, [0] + modulus), [0x02, 0x01, 0x01])
            let leaf = try root.server { $0.key = rsaInfo(key) }
            return ChainInput(leaf, trusting: root)
        },
        .init("P-192", .certificateWeak) { try below(ecInfo(DER.objectIdentifier("1.2.840.10045.3.1.1"), p192)) },
        .init("P-256 with its parameters spelled out", .certificateWeak) { try below(ecInfo(explicitP256, p256)) },
        .init("DSA", .certificateWeak, .differs("OpenSSL takes its length alone into account")) { try below(dsa) },
    ]

    private static func below(_ key: [UInt8]) throws -> ChainInput {
        let root = try ForgedParty.root()
        return ChainInput(try root.server { $0.key = key }, trusting: root)
    }

    private static func ecInfo(_ parameters: [UInt8], _ point: [UInt8]) -> [UInt8] {
        DER.sequence(
            DER.sequence(DER.objectIdentifier("1.2.840.10045.2.1"), parameters), DER.element(tag: 0x03, [0, 4] + point))
    }

    /// The curves' own generators, which are valid points.
    private static let p192 = bytes(
        "188da80eb03090f67cbf20eb43a18800f4ff0afd82ff101207192b95ffc8da78631011ed6b24cdd573f977a11e794811")
    private static let p256 = bytes(
        "6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296"
            + "4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5")

    private static let explicitP256: [UInt8] = {
        func number(_ text: String) -> [UInt8] { DER.element(tag: 0x02, [0] + bytes(text)) }
        let prime = "ffffffff00000001000000000000000000000000ffffffffffffffffffffffff"
        return DER.sequence(
            [0x02, 0x01, 0x01], DER.sequence(DER.objectIdentifier("1.2.840.10045.1.1"), number(prime)),
            DER.sequence(
                DER.element(tag: 0x04, bytes(String(prime.dropLast()) + "c")),
                DER.element(
                    tag: 0x04, bytes("5ac635d8aa3a93e7b3ebbd55769886bc651d06b0cc53b0f63bce3c3e27d2604b"))),
            DER.element(tag: 0x04, [4] + p256),
            number("ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551"), [0x02, 0x01, 0x01])
    }()

    /// The numbers are of the right lengths, and no more.
    private static let dsa: [UInt8] = {
        func number(_ count: Int) -> [UInt8] { DER.element(tag: 0x02, [0] + [UInt8](repeating: 0xC5, count: count)) }
        return DER.sequence(
            DER.sequence(DER.objectIdentifier("1.2.840.10040.4.1"), DER.sequence(number(256), number(32), number(255))),
            DER.element(tag: 0x03, [0] + number(254)))
    }()

    private static func bytes(_ hexadecimal: String) -> [UInt8] {
        let digits = Array(hexadecimal)
        return stride(from: 0, to: digits.count, by: 2).map { UInt8(String(digits[$0...($0 + 1)]), radix: 16) ?? 0 }
    }

    private static func rsaInfo(_ key: [UInt8]) -> [UInt8] {
        DER.sequence(
            DER.sequence(DER.objectIdentifier("1.2.840.113549.1.1.1"), [0x05, 0x00]),
            DER.element(tag: 0x03, [0] + key))
    }

    package static let encodings: [ChainCase] = [
        .init("an extension that nobody knows, not critical", nil) {
            try ThreeParties(leaf: { $0.set(.init("1.2.3.4.5", [0x05, 0x00])) }).input
        },
        .init("an extension that nobody knows, critical", .extensionUnknown) {
            try ThreeParties(leaf: { $0.set(.init("1.2.3.4.5", critical: true, [0x05, 0x00])) }).input
        },
        .init("an unknown critical extension of the intermediate", .extensionUnknown) {
            try ThreeParties(middle: { $0.set(.init("1.2.3.4.5", critical: true, [0x05, 0x00])) }).input
        },
        .init("an unknown critical extension of the root", .extensionUnknown) {
            try ThreeParties(root: { $0.set(.init("1.2.3.4.5", critical: true, [0x05, 0x00])) }).input
        },
        .init("critical certificate policies", nil) {
            try ThreeParties(leaf: {
                $0.set(
                    .init(
                        "2.5.29.32", critical: true, DER.sequence(DER.sequence(DER.objectIdentifier("2.23.140.1.2.1"))))
                )
            }).input
        },
        .init("a demand for policies", .extensionUnknown, .differs("OpenSSL passes over it unless told otherwise")) {
            try ThreeParties(middle: {
                $0.set(.init("2.5.29.36", critical: true, DER.sequence([0x80, 0x01, 0x00])))
            }).input
        },
        .init("the poison of a precertificate", .extensionUnknown) {
            try ThreeParties(leaf: { $0.set(.init("1.3.6.1.4.1.11129.2.4.3", critical: true, [0x05, 0x00])) }).input
        },
        .init("an extension twice", .certificateMalformed) {
            try ThreeParties(leaf: { $0.extensions.append(.dns("other.example")) }).input
        },
        .init("extensions in version 1", .certificateMalformed) { try ThreeParties(leaf: { $0.version = nil }).input },
        .init("two algorithms", .certificateMalformed) {
            try ThreeParties(leaf: {
                $0.innerAlgorithm = DER.sequence(DER.objectIdentifier("1.2.840.10045.4.3.3"))
            }).input
        },
        .init("a serial number of zero", nil) { try ThreeParties(leaf: { $0.serial = [0] }).input },
        .init("a negative serial number", nil) { try ThreeParties(leaf: { $0.serial = [0xFF, 0x01] }).input },
        .init("a serial number of forty bytes", nil) {
            try ThreeParties(leaf: { $0.serial = [UInt8](repeating: 0x41, count: 40) }).input
        },
        .init("a subject alternative name that is empty", .certificateMalformed) {
            try ThreeParties(leaf: { $0.set(.names([])) }).input
        },
        .init("basic constraints that are none", .certificateMalformed) {
            try ThreeParties(middle: { $0.set(.init("2.5.29.19", critical: true, [0x04, 0x00])) }).input
        },
        .init("a key usage without bits", .certificateMalformed) {
            try ThreeParties(leaf: { $0.set(.init("2.5.29.15", critical: true, [0x03, 0x01, 0x00])) }).input
        },
    ]
}
