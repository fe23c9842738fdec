// ethers reads what a wallet wrote, and says what it is.
//
//   ethers-wallet.mjs < REQUEST
//
// REQUEST is a JSON object:
//   keystore, passphrase    a file to be opened
//   message, messageSignature, typedData, typedDataSignature
//   transactions            raw ones, signed
//   authorization           signed, as a transaction of type 4 has it
//
// Prints a JSON object: who made each of them by ethers' account, the keystore's address and key; and, for the way back, a keystore
// of ethers' own (`made`) of a new mnemonic's first account, with that mnemonic, its key and what ethers signs with it.
import { text } from 'node:stream/consumers'

import { HDNodeWallet, Mnemonic, Transaction, Wallet, verifyAuthorization, verifyMessage, verifyTypedData } from 'ethers'

const asked = JSON.parse(await text(process.stdin))

function types (typedData) {
  const { EIP712Domain, ...others } = typedData.types
  return others
}

const opened = await Wallet.fromEncryptedJson(asked.keystore, asked.passphrase)
const fresh = HDNodeWallet.createRandom()
const mnemonic = Mnemonic.fromPhrase(fresh.mnemonic.phrase)
const account = new Wallet(HDNodeWallet.fromMnemonic(mnemonic, "m/44'/60'/0'/0/0").privateKey)
const { typedData } = asked
const { signature, ...authorized } = asked.authorization

console.log(JSON.stringify({
  address: opened.address,
  key: opened.privateKey,
  message: verifyMessage(asked.message, asked.messageSignature),
  typedData: verifyTypedData(typedData.domain, types(typedData), typedData.message, asked.typedDataSignature),
  transactions: asked.transactions.map(raw => {
    const { from, type, hash } = Transaction.from(raw)
    return { from, type, hash }
  }),
  authorization: verifyAuthorization(authorized, signature),
  made: {
    keystore: await account.encrypt(asked.passphrase, undefined, { scrypt: { N: 4096, r: 8, p: 1 } }),
    mnemonic: mnemonic.phrase,
    address: account.address,
    key: account.privateKey,
    messageSignature: await account.signMessage(asked.message),
    typedDataSignature: await account.signTypedData(typedData.domain, types(typedData), typedData.message)
  }
}))
