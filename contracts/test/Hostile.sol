// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

/// An operator and reporter for tests: does what it is told, and when it is paid calls again what it was told to call then.
contract Hostile {
  address private _target;
  bytes private _again;
  bool private _refuses;
  /// How often it was paid, and how often the call that followed went through.
  uint256 public paid;
  uint256 public succeeded;

  function prepare(address target, bytes calldata again, bool refuses) external {
    _target = target;
    _again = again;
    _refuses = refuses;
  }

  function call(bytes calldata data, uint256 value) external {
    (bool done, bytes memory result) = _target.call{value: value}(data);
    if (done) return;
    assembly ("memory-safe") {
      revert(add(result, 32), mload(result))
    }
  }

  receive() external payable {
    require(!_refuses);
    ++paid;
    if (_again.length == 0) return;
    (bool done, ) = _target.call(_again);
    if (done) ++succeeded;
  }
}
