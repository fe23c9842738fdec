// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

/// Holds coins until a time has come.
contract Lock {
  uint256 public immutable until;
  address payable public immutable owner;

  event Opened(uint256 amount);
  error TooEarly(uint256 until);

  constructor(uint256 time) payable {
    until = time;
    owner = payable(msg.sender);
  }

  function open() external {
    require(msg.sender == owner, "not the owner");
    if (block.timestamp < until) revert TooEarly(until);
    emit Opened(address(this).balance);
    owner.transfer(address(this).balance);
  }
}
