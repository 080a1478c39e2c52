package main

import (
	"os"
	"strings"

	"github.com/google/uuid"
	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"
)

// datastoreSystem is a host's HostDatastoreSystem with VMFS.
type datastoreSystem struct {
	*simulator.HostDatastoreSystem
	storage *storageSystem
}

func vmfsDatastores(ctx *simulator.Context) []*simulator.Datastore {
	var found []*simulator.Datastore
	for _, one := range ctx.Map.AllReference("Datastore") {
		if ds, ok := one.(*simulator.Datastore); ok && vmfsOf(ds) != nil {
			found = append(found, ds)
		}
	}
	return found
}

func vmfsOf(ds *simulator.Datastore) *types.HostVmfsVolume {
	if info, ok := ds.Info.(*types.VmfsDatastoreInfo); ok {
		return info.Vmfs
	}
	return nil
}

func extentOf(ds *simulator.Datastore) string { return vmfsOf(ds).Extent[0].DiskName }

func mountOf(ds *simulator.Datastore, host types.ManagedObjectReference) *types.DatastoreHostMount {
	for at := range ds.Host {
		if ds.Host[at].Key == host {
			return &ds.Host[at]
		}
	}
	return nil
}

func mountOn(ctx *simulator.Context, ds *simulator.Datastore, host *mo.HostSystem) {
	mounts := append(ds.Host, types.DatastoreHostMount{Key: host.Self, MountInfo: types.HostMountInfo{
		Path: ds.Summary.Url, AccessMode: string(types.HostMountModeReadWrite),
		Mounted: types.NewBool(true), Accessible: types.NewBool(true),
	}})
	ctx.Update(ds, []types.PropertyChange{{Name: "host", Val: mounts}})
	system := ctx.Map.Get(*host.ConfigManager.DatastoreSystem).(*datastoreSystem)
	system.Datastore = append(system.Datastore, ds.Self)
	ctx.WithLock(host, func() { host.Datastore = system.Datastore })
}

// The disks that no datastore lies on.
func (d *datastoreSystem) free(ctx *simulator.Context) []types.HostScsiDisk {
	used := map[string]bool{}
	for _, ds := range vmfsDatastores(ctx) {
		used[extentOf(ds)] = true
	}
	var disks []types.HostScsiDisk
	for _, lun := range d.storage.device().ScsiLun {
		disk, ok := lun.(*types.HostScsiDisk)
		if ok && strings.HasPrefix(disk.CanonicalName, "naa.") && !used[disk.CanonicalName] && disk.OperationalState[0] == "ok" {
			disks = append(disks, *disk)
		}
	}
	return disks
}

func (d *datastoreSystem) QueryAvailableDisksForVmfs(ctx *simulator.Context, _ *types.QueryAvailableDisksForVmfs) soap.HasFault {
	return &methods.QueryAvailableDisksForVmfsBody{Res: &types.QueryAvailableDisksForVmfsResponse{Returnval: d.free(ctx)}}
}

func partitionOf(disk *types.HostScsiDisk) types.HostDiskPartitionSpec {
	return types.HostDiskPartitionSpec{PartitionFormat: "gpt", TotalSectors: disk.Capacity.Block,
		Partition: []types.HostDiskPartitionAttributes{{Partition: 1, StartSector: 2048, EndSector: disk.Capacity.Block - 34, Type: "vmfs"}}}
}

func (d *datastoreSystem) QueryVmfsDatastoreCreateOptions(ctx *simulator.Context, r *types.QueryVmfsDatastoreCreateOptions) soap.HasFault {
	body := new(methods.QueryVmfsDatastoreCreateOptionsBody)
	for _, disk := range d.free(ctx) {
		if disk.DevicePath != r.DevicePath {
			continue
		}
		body.Res = &types.QueryVmfsDatastoreCreateOptionsResponse{Returnval: []types.VmfsDatastoreOption{{
			Info: &types.VmfsDatastoreAllExtentOption{},
			Spec: &types.VmfsDatastoreCreateSpec{
				VmfsDatastoreSpec: types.VmfsDatastoreSpec{DiskUuid: disk.Uuid},
				Partition:         partitionOf(&disk),
				Vmfs: types.HostVmfsSpec{MajorVersion: r.VmfsMajorVersion,
					Extent: types.HostScsiDiskPartition{DiskName: disk.CanonicalName, Partition: 1}},
			},
		}}}
		return body
	}
	body.Fault_ = simulator.Fault("", &types.NotFound{})
	return body
}

// CreateVmfsDatastore formats a disk that nothing lies on.
func (d *datastoreSystem) CreateVmfsDatastore(ctx *simulator.Context, r *types.CreateVmfsDatastore) soap.HasFault {
	body := new(methods.CreateVmfsDatastoreBody)
	var disk *types.HostScsiDisk
	for _, one := range d.free(ctx) {
		if one.CanonicalName == r.Spec.Vmfs.Extent.DiskName && one.Uuid == r.Spec.DiskUuid {
			disk = &one
		}
	}
	if disk == nil {
		body.Fault_ = simulator.Fault("the disk is not free", &types.HostConfigFault{})
		return body
	}
	dir, _ := os.MkdirTemp("", "vcenter-vmfs-")
	// The stock method does folder, mount, browser and DuplicateName.
	local := d.CreateLocalDatastore(ctx, &types.CreateLocalDatastore{This: r.This, Name: r.Spec.Vmfs.VolumeName, Path: dir}).(*methods.CreateLocalDatastoreBody)
	if local.Fault_ != nil {
		_ = os.RemoveAll(dir)
		body.Fault_ = local.Fault_
		return body
	}
	ds := ctx.Map.Get(local.Res.Returnval).(*simulator.Datastore)
	bytes := disk.Capacity.Block * blockBytes
	info := *ds.Info.GetDatastoreInfo()
	ctx.Update(ds, []types.PropertyChange{
		{Name: "summary.type", Val: "VMFS"},
		{Name: "summary.capacity", Val: bytes},
		{Name: "summary.freeSpace", Val: bytes},
		{Name: "info", Val: &types.VmfsDatastoreInfo{DatastoreInfo: info, Vmfs: &types.HostVmfsVolume{
			HostFileSystemVolume: types.HostFileSystemVolume{Type: "VMFS", Name: ds.Name, Capacity: bytes},
			BlockSizeMb:          1, MaxBlocks: 63 * 1024 * 1024, MajorVersion: r.Spec.Vmfs.MajorVersion, Version: "6.82",
			Uuid: uuid.NewString(), Extent: []types.HostScsiDiskPartition{r.Spec.Vmfs.Extent}}}},
	})
	body.Res = &types.CreateVmfsDatastoreResponse{Returnval: ds.Self}
	return body
}

func (d *datastoreSystem) QueryVmfsDatastoreExpandOptions(ctx *simulator.Context, r *types.QueryVmfsDatastoreExpandOptions) soap.HasFault {
	body := new(methods.QueryVmfsDatastoreExpandOptionsBody)
	ds, ok := ctx.Map.Get(r.Datastore).(*simulator.Datastore)
	if !ok || vmfsOf(ds) == nil {
		body.Fault_ = simulator.Fault("", &types.NotFound{})
		return body
	}
	body.Res = new(types.QueryVmfsDatastoreExpandOptionsResponse)
	disk := d.storage.disk(extentOf(ds))
	if disk != nil && disk.Capacity.Block*blockBytes > vmfsOf(ds).Capacity {
		body.Res.Returnval = []types.VmfsDatastoreOption{{Info: &types.VmfsDatastoreAllExtentOption{}, Spec: &types.VmfsDatastoreExpandSpec{
			VmfsDatastoreSpec: types.VmfsDatastoreSpec{DiskUuid: disk.Uuid}, Partition: partitionOf(disk), Extent: vmfsOf(ds).Extent[0]}}}
	}
	return body
}

// ExpandVmfsDatastore grows it to the size that this host saw of the disk at its last rescan.
func (d *datastoreSystem) ExpandVmfsDatastore(ctx *simulator.Context, r *types.ExpandVmfsDatastore) soap.HasFault {
	body := new(methods.ExpandVmfsDatastoreBody)
	ds, ok := ctx.Map.Get(r.Datastore).(*simulator.Datastore)
	if !ok || vmfsOf(ds) == nil {
		body.Fault_ = simulator.Fault("", &types.NotFound{})
		return body
	}
	disk := d.storage.disk(extentOf(ds))
	if disk == nil || disk.Capacity.Block*blockBytes <= vmfsOf(ds).Capacity {
		body.Fault_ = simulator.Fault("the disk has not grown", &types.HostConfigFault{})
		return body
	}
	bytes := disk.Capacity.Block * blockBytes
	info := *ds.Info.(*types.VmfsDatastoreInfo)
	vmfs := *info.Vmfs
	vmfs.Capacity = bytes
	info.Vmfs = &vmfs
	ctx.Update(ds, []types.PropertyChange{
		{Name: "info", Val: &info}, {Name: "summary.capacity", Val: bytes}, {Name: "summary.freeSpace", Val: bytes}})
	body.Res = &types.ExpandVmfsDatastoreResponse{Returnval: ds.Self}
	return body
}

// RemoveDatastore destroys it for all hosts, unless machines are on it.
func (d *datastoreSystem) RemoveDatastore(ctx *simulator.Context, r *types.RemoveDatastore) soap.HasFault {
	body := new(methods.RemoveDatastoreBody)
	ds, ok := ctx.Map.Get(r.Datastore).(*simulator.Datastore)
	if !ok {
		body.Fault_ = simulator.Fault("", &types.ManagedObjectNotFound{Obj: r.Datastore})
		return body
	}
	if len(ds.Vm) > 0 {
		body.Fault_ = simulator.Fault("", &types.ResourceInUse{Type: "Datastore", Name: ds.Name})
		return body
	}
	for _, one := range ctx.Map.All("HostSystem") {
		host := one.(*simulator.HostSystem)
		system := ctx.Map.Get(*host.ConfigManager.DatastoreSystem).(*datastoreSystem)
		simulator.RemoveReference(&system.Datastore, ds.Self)
	}
	dir := ds.Summary.Url
	_ = ds.DestroyTask(ctx, &types.Destroy_Task{This: ds.Self})
	ctx.Map.Remove(ctx, ds.Self)
	_ = os.RemoveAll(dir)
	body.Res = new(types.RemoveDatastoreResponse)
	return body
}
