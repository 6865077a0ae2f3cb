import CountingModuleSupport
import DevPKI
import GnuTLS
import MTLSClient
import MTLSTestKit
import PKCS11
import Testing

/// Each fault is found, and named with its remedy.
@Suite struct DoctorTests {
    private func report(
        on object: String, prepare: (CountingModule) -> Void = { _ in }
    ) async throws -> (report: IdentityReport, module: CountingModule) {
        let world = try await DoctorWorld.shared.value()
        let module = try world.module()
        prepare(module)
        return (await world.doctor(object, behind: module).examine(), module)
    }

    private func expect(
        _ report: IdentityReport, _ code: IdentityReport.Code, _ severity: IdentityReport.Severity, remedy: String
    ) {
        let found = report[code].first
        #expect(found?.severity == severity, "\(report.findings)")
        #expect(found?.remedy?.contains(remedy) == true, "\(report.findings)")
    }

    @Test func aGoodIdentityIsFlawless() async throws {
        let (report, module) = try await report(on: "client")
        #expect(report.isFlawless, "\(report.findings)")
        let codes: [IdentityReport.Code] = [
            .module, .token, .pin, .login, .certificate, .certificateDates, .chain, .key, .keyCustody, .keyMatch,
            .mechanisms, .signature,
        ]
        #expect(report.findings.map(\.code) == codes)
        #expect(module.count(of: "C_Sign") == 1)
    }

    @Test func anExpiredCertificateIsAFailure() async throws {
        let (report, _) = try await report(on: "expired")
        #expect(!report.isUsable)
        expect(report, .certificateExpired, .failure, remedy: "mtls keys request")
    }

    @Test func aCertificateThatExpiresSoonIsAWarning() async throws {
        let (report, _) = try await report(on: "soon")
        #expect(report.isUsable && !report.isFlawless)
        expect(report, .certificateExpiresSoon, .warning, remedy: "mtls keys request")
    }

    @Test func aCertificateOfTheFutureIsAFailure() async throws {
        let (report, _) = try await report(on: "future")
        expect(report, .certificateNotYetValid, .failure, remedy: "clock")
    }

    @Test func aServersCertificateIsAFailure() async throws {
        let (report, _) = try await report(on: "server")
        expect(report, .certificatePurpose, .failure, remedy: "client authentication")
    }

    @Test func theCertificateOfAnotherKeyIsAFailure() async throws {
        let (report, _) = try await report(on: "mismatch")
        #expect(!report.isUsable)
        expect(report, .keyMismatch, .failure, remedy: "mtls keys import")
    }

    @Test func aChainWithoutItsIssuerIsAWarning() async throws {
        let (report, _) = try await report(on: "mismatch")
        expect(report, .chainIncomplete, .warning, remedy: "mtls keys import")
    }

    @Test func aKeyWithoutACertificateIsAFailure() async throws {
        let (report, _) = try await report(on: "bare")
        #expect(!report.isUsable)
        #expect(report[.init(rawValue: MTLSError.Code.tokenObjectNotFound.rawValue)].count == 1)
        #expect(report[.signature].first?.severity == .ok)
    }

    @Test func aCertificateInAFileWillDo() async throws {
        let world = try await DoctorWorld.shared.value()
        let uri = "\(world.token.uri);object=client;type=cert"
        let doctor = TokenDoctor(
            world.token.uri(object: "client"), pin: world.token.pin, certificate: uri, module: world.token.modulePath)
        #expect(await doctor.examine().isFlawless)
    }

    @Test func anExtractableKeyIsAWarning() async throws {
        let (report, _) = try await report(on: "extractable")
        #expect(report.isUsable)
        expect(report, .keyExtractable, .warning, remedy: "mtls keys generate")
    }

    @Test func aKeyThatWantsThePINEachTimeSignsOnce() async throws {
        let (report, module) = try await report(on: "always")
        #expect(report.isUsable, "\(report.findings)")
        #expect(report[.keyAlwaysAuthenticates].count == 1)
        #expect(module.count(of: "C_Sign") == 1)
    }

    @Test func aLockedPINIsAFailureAndNotTried() async throws {
        let (report, module) = try await report(on: "client") { $0.tokenFlags(adding: 0x40000) }
        #expect(!report.isUsable)
        expect(report, .pinLocked, .failure, remedy: "unlock")
        #expect(module.count(of: "C_Login") == 0)
        #expect(module.count(of: "C_Sign") == 0)
    }

    @Test(arguments: [(0x10000 as UInt, IdentityReport.Code.pinTriesLow), (0x20000, .pinFinalTry)])
    func fewTriesLeftAreNotUsedUp(flag: UInt, code: IdentityReport.Code) async throws {
        let (report, module) = try await report(on: "client") { $0.tokenFlags(adding: flag) }
        #expect(!report.isUsable)
        expect(report, code, .warning, remedy: "mtls tokens login")
        expect(report, .init(rawValue: MTLSError.Code.pinLocked.rawValue), .failure, remedy: "mtls tokens login")
        #expect(module.count(of: "C_Login") == 0)
    }

    @Test func aPINToBeChangedIsAWarning() async throws {
        let (report, _) = try await report(on: "client") { $0.tokenFlags(adding: 0x80000) }
        #expect(report.isUsable)
        expect(report, .pinToBeChanged, .warning, remedy: "change it")
    }

    @Test func aTokenThatNeedsNoPINIsNotLoggedInTo() async throws {
        let (report, module) = try await report(on: "client") { $0.tokenFlags(removing: 0x4) }
        #expect(report[.pin].first?.message.contains("no PIN") == true)
        #expect(report[.login].isEmpty)
        #expect(module.count(of: "C_Login") == 0)
    }

    @Test func withoutPSSThereIsTLS12Only() async throws {
        let (report, _) = try await report(on: "rsa") { module in
            for mechanism: UInt in [0xD, 0x3] { module.hideMechanism(mechanism) }
        }
        #expect(report.isUsable)
        expect(report, .mechanismsTLS12Only, .warning, remedy: "EC key")
        #expect(report[.signature].map(\.severity) == [.ok])
    }

    @Test func withoutPSSTheBareOperationWillDo() async throws {
        let (report, _) = try await report(on: "rsa") { $0.hideMechanism(0xD) }
        #expect(report.isFlawless, "\(report.findings)")
        #expect(report[.signature].count == 2)
    }

    @Test func withoutECDSATheKeyIsOfNoUse() async throws {
        let (report, module) = try await report(on: "client") { $0.hideMechanism(0x1041) }
        #expect(!report.isUsable)
        expect(report, .mechanismsMissing, .failure, remedy: "another kind of key")
        #expect(module.count(of: "C_Sign") == 0)
    }

    @Test func aSignatureThatFailsIsAFailure() async throws {
        let (report, _) = try await report(on: "client") { $0.fail("C_Sign", with: 0x68) }
        #expect(!report.isUsable)
        #expect(report[.signature].isEmpty)
        #expect(report.findings.last?.message.contains("CKR_KEY_FUNCTION_NOT_PERMITTED") == true)
    }

    @Test func aTokenThatDoesNotAnswerIsGivenUp() async throws {
        let world = try await DoctorWorld.shared.value()
        let module = try world.module()
        module.delay("C_Sign", milliseconds: 600)
        let token = try await TokenAccess(world.token.uri, pin: nil, module: module.path).token
        token.setSessionLimit(1)
        var doctor = world.doctor("client", behind: module)
        doctor.patience = .milliseconds(100)
        let report = await doctor.examine()
        // Its turn comes when the call that was given up has returned: no call shall outlive the test.
        try await token.lane.run {}
        expect(report, .init(rawValue: MTLSError.Code.timeoutSignature.rawValue), .failure, remedy: "touch")
    }

    @Test func aWrongPINCostsOneTry() async throws {
        let token = try await SoftHSMToken(issuedBy: try CertificateAuthority(commonName: "Test Root"))
        let module = try token.countingModule()
        let doctor = TokenDoctor(token.uri(object: "client"), pin: secret("no-such-pin-5309"), module: module.path)
        for _ in 1...2 {
            let report = await doctor.examine()
            #expect(!report.isUsable)
            expect(report, .init(rawValue: MTLSError.Code.pinIncorrect.rawValue), .failure, remedy: "another PIN")
            #expect(report[.certificate].first?.severity == .ok)
            #expect(!"\(report)".contains("5309"))
        }
        #expect(module.count(of: "C_Login") == 1)
        #expect(module.count(of: "C_Sign") == 0)
    }

    @Test func aMissingPINIsAFailure() async throws {
        let token = try await SoftHSMToken(issuedBy: try CertificateAuthority(commonName: "Test Root"))
        let report = await TokenDoctor(token.uri(object: "client"), module: token.modulePath).examine()
        expect(report, .init(rawValue: MTLSError.Code.pinMissing.rawValue), .failure, remedy: "PIN")
    }

    @Test(arguments: [
        ("pkcs11:tokn=x", "", MTLSError.Code.tokenURIInvalid), ("pkcs11:token=nowhere", "", .tokenNotFound),
        ("pkcs11:token=x", "/nowhere/module.so", .tokenModuleUnavailable),
    ])
    func whatCannotBeFoundIsTheOnlyFinding(uri: String, module: String, code: MTLSError.Code) async throws {
        let world = try await DoctorWorld.shared.value()
        let report = await TokenDoctor(uri, module: module.isEmpty ? world.token.modulePath : module).examine()
        #expect(report.findings.map(\.code.rawValue) == [code.rawValue])
        #expect(report.findings.first?.remedy != nil)
    }
}
