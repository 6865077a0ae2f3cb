import Testing

@testable import MTLSCore

@Suite struct SerialTableTests {
    @Test func itHoldsWhatADictionaryHolds() {
        var generator = SystemRandomNumberGenerator()
        var table = SerialTable<String>()
        var dictionary: [Int: String] = [:]
        for step in 1...2000 {
            let number = Int.random(in: 1...40, using: &generator)
            switch Int.random(in: 0...3, using: &generator) {
            case 0: #expect(table.removeValue(forKey: number) == dictionary.removeValue(forKey: number))
            case 1: (table[number], dictionary[number]) = (nil, nil)
            default: (table[number], dictionary[number]) = ("\(step)", "\(step)")
            }
            #expect(table[number] == dictionary[number])
            #expect(table.count == dictionary.count && table.isEmpty == dictionary.isEmpty)
        }
        for number in 0...41 { #expect(table[number] == dictionary[number]) }
        #expect(table.all.map(\.0) == dictionary.keys.sorted())
        #expect(table.values == dictionary.sorted { $0.key < $1.key }.map(\.value))
    }

    @Test func aValueIsChangedWhereItStands() {
        var table = SerialTable<[Int]>()
        table[3] = [1]
        table[3]?.append(2)
        table[4]?.append(3)
        #expect(table[3] == [1, 2])
        #expect(table[4] == nil)
    }
}
