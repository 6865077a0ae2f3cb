import MTLSCore
import Testing

@testable import GnuTLSNIO

/// Whose fault an alert is.
struct AlertMeaningTests {
    private typealias Situation = AlertMeaning.Situation

    private static let table: [(UInt8, MTLSError.Code, MTLSError.Fault)] = [
        (10, .handshakeFailed, .peer), (20, .handshakeFailed, .network),
        (22, .handshakeFailed, .peer), (40, .handshakeFailed, .peer), (47, .handshakeFailed, .peer),
        (50, .handshakeFailed, .peer), (51, .handshakeFailed, .peer), (70, .versionUnsupported, .peer),
        (71, .handshakeFailed, .peer), (80, .handshakeFailed, .peer), (86, .versionUnsupported, .peer),
        (90, .handshakeFailed, .peer), (100, .handshakeFailed, .peer), (109, .handshakeFailed, .peer),
        (110, .handshakeFailed, .peer), (112, .serverNameUnknown, .caller), (115, .handshakeFailed, .peer),
        (120, .applicationProtocolUnsupported, .caller), (255, .handshakeFailed, .peer),
    ]

    @Test(arguments: table)
    func anAlertThatConcernsNoCertificateHasItsCodeAndFault(
        _ number: UInt8, _ code: MTLSError.Code, _ fault: MTLSError.Fault
    ) {
        for client in [nil, "\"CN=alice\""] {
            let meaning = AlertMeaning.of(number, Situation(client: client))
            #expect(meaning.code == code && meaning.fault == fault)
            #expect(!meaning.text.isEmpty)
        }
    }

    @Test(arguments: [41, 42, 43, 44, 45, 46, 48, 49, 116] as [UInt8])
    func anAlertAboutTheCertificateNamesItOrItsAbsence(_ number: UInt8) {
        let rejected = AlertMeaning.of(number, Situation(client: "\"CN=alice\"", wasAsked: true, isEstablished: true))
        #expect(rejected.code == .clientCertificateRejected && rejected.fault == .caller)
        #expect(rejected.text.contains("CN=alice") && rejected.advice != nil)
        let missing = AlertMeaning.of(number, Situation(wasAsked: true))
        #expect(missing.code == .clientCertificateRequired && missing.fault == .caller)
    }

    @Test func theAdviceFollowsTheReason() {
        let advice = [43, 44, 45, 46, 48, 49, 116].map {
            AlertMeaning.of(UInt8($0), Situation(client: "\"CN=alice\"")).advice ?? ""
        }
        #expect(Set(advice).count == advice.count)
    }

    @Test(arguments: [40, 50] as [UInt8])
    func aMissingCertificateHidesBehindOtherAlerts(_ number: UInt8) {
        #expect(AlertMeaning.of(number, Situation(wasAsked: true)).code == .clientCertificateRequired)
        #expect(AlertMeaning.of(number, Situation(client: "x", wasAsked: true)).code == .handshakeFailed)
        #expect(AlertMeaning.of(number, Situation()).code == .handshakeFailed)
    }

    @Test func handshakeFailureWithACertificateDoubtsThatToo() {
        let meaning = AlertMeaning.of(40, Situation(client: "\"CN=alice\"", wasAsked: true))
        #expect(meaning.advice?.contains("CN=alice") == true)
    }

    @Test(arguments: [40, 100] as [UInt8])
    func whoDeclinedToRenegotiateIsToldTheRemedy(_ number: UInt8) {
        let meaning = AlertMeaning.of(number, Situation(isEstablished: true, hasDeclinedRenegotiation: true))
        #expect(meaning.code == .renegotiationDeclined && meaning.fault == .caller && meaning.advice != nil)
        #expect(AlertMeaning.of(80, Situation(isEstablished: true, hasDeclinedRenegotiation: true)).code == .tlsFailed)
    }

    @Test func afterTheHandshakeTheConnectionFailedAndNotTheHandshake() {
        #expect(AlertMeaning.of(80, Situation(isEstablished: true)).code == .tlsFailed)
    }

    @Test(arguments: UInt8.min...UInt8.max)
    func aServerNeverSpeaksOfItsClientCertificate(_ number: UInt8) {
        let meaning = AlertMeaning.of(number, Situation(client: "\"CN=server\"", wasAsked: true, isClient: false))
        #expect(![.clientCertificateRejected, .clientCertificateRequired].contains(meaning.code))
    }
}
